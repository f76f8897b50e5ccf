"""Where it starts: the values and the gradients at the taps of both sides, in order.

Values are compared forwards: the first tap at which they differ bounds the place of a mistake from behind, the tap
before it from the front. Gradients are compared from the output back: the derivative of what lies between the first tap
that differs and the one after it is what the two sides do differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison.arrays import Relation, in_layout, relation, words
from harness.tapping import Tapped

#: What a comparison at one tap may say.
SAME, DIFFERENT, UNKNOWN = "agree", "differ", "unknown"


@dataclass(frozen=True)
class At:
    """One tap on both sides.

    value, gradient: "agree", "differ" or "unknown" (not there on one side or on both, for a reason that is no fault).
    value_words, gradient_words: how they are related, or why nothing is known; "" where they are equal.
    side: "" where both sides have the tap, else the one that has.
    """

    name: str
    value: str
    value_words: str = ""
    value_relation: str = ""
    gradient: str = UNKNOWN
    gradient_words: str = ""
    gradient_relation: str = ""
    side: str = ""
    entry: int = -1


@dataclass(frozen=True)
class Start:
    """What the taps say. `forward` and `backward` are the names of the first tap that differs, "" for none."""

    left: str
    right: str
    taps: tuple[At, ...]
    forward: str
    backward: str
    sentences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every tap that could be compared agrees, and there is one."""
        return not self.forward and not self.backward and any(t.value == SAME for t in self.taps)


def where_it_starts(
    left: Sequence[Tapped],
    right: Sequence[Tapped],
    sides: tuple[str, str] = ("torch", "jax"),
    *,
    rtol: float | None = None,
) -> Start | None:
    """Compare the taps of two sides; None where neither has one.

    left, right: in the order in which each side called them, gradients as L_x + i L_y. sides: what they are called.
    rtol: relative to the largest entry of an array, default the square root of the spacing of 1 in its dtype.
    """
    if not left and not right:
        return None
    ours = {t.name: t for t in left if t.name != "..."}
    theirs = {t.name: t for t in right if t.name != "..."}
    taps = [
        _compared(ours[name], theirs[name], sides, rtol) if name in ours and name in theirs
        else At(name, UNKNOWN, f"only {sides[name in theirs]} has this tap", side=sides[name in theirs])
        for name in _order(list(ours), list(theirs))
    ]
    forward = next((t for t in taps if t.value == DIFFERENT), None)
    backward = next((t for t in reversed(taps) if t.gradient == DIFFERENT), None)
    said = [*_forward(taps, forward), *_backward(taps, backward, forward), *_alone(taps, sides)]
    if [n for n in ours if n in theirs] != [n for n in theirs if n in ours]:
        said.append(f"the two sides pass their taps in another order: the order here is {sides[0]}'s")
    said += [f"{side}: {t.note}" for side, found in zip(sides, (left, right), strict=True) for t in found
             if t.name == "..."]
    return Start(*sides, tuple(taps), forward.name if forward else "", backward.name if backward else "", tuple(said))


def _order(left: list[str], right: list[str]) -> list[str]:
    """left's order, and what only right has behind the common tap that precedes it there."""
    order = list(left)
    before = ""
    for name in right:
        if name not in order:
            order.insert(order.index(before) + 1 if before else 0, name)
        before = name
    return order


def _compared(left: Tapped, right: Tapped, sides: tuple[str, str], rtol: float | None) -> At:
    if left.value is None or right.value is None:
        notes = [f"{side}: {t.note}" for side, t in zip(sides, (left, right), strict=True) if t.value is None]
        return At(left.name, UNKNOWN, "; ".join(notes))
    value = relation(left.value, right.value, tolerance=rtol)
    said = "" if value.same and not value.axes else words(value, *sides)
    if value.word == "shape":
        said = f"the shapes differ: {_shape(left)} and {_shape(right)}"
    state, clause, word = _gradient(left, right, sides, value, rtol)
    return At(left.name, SAME if value.same else DIFFERENT, said, value.word, state, clause, word, "",
              -1 if value.same else value.where)


def _gradient(
    left: Tapped, right: Tapped, sides: tuple[str, str], value: Relation, rtol: float | None
) -> tuple[str, str, str]:
    """(state, words, relation) of the gradients at one tap."""
    if left.gradient is not None and right.gradient is not None:
        theirs = right.gradient
        if value.word != "shape":
            theirs = in_layout(theirs, value.axes, left.gradient.shape)
        found = relation(left.gradient, theirs, tolerance=rtol)
        if found.word == "shape":
            return DIFFERENT, "the shapes differ", "shape"
        said = "" if found.same and not found.axes else words(found, *sides)
        # In the layout of the values there is nothing left to turn: a gradient that needs it is a different one.
        same = found.same and not found.axes
        return (SAME if same else DIFFERENT), said, found.word
    have = [side for side, t in zip(sides, (left, right), strict=True) if t.gradient is not None]
    if not have:
        return UNKNOWN, left.note or right.note, ""
    lacking, absent = (sides[1], right) if have[0] == sides[0] else (sides[0], left)
    present = left if lacking == sides[1] else right
    if absent.connected is False and present.connected is True:
        return DIFFERENT, (f"{lacking} has no gradient ({absent.note}), {have[0]} has one: "
                           f"{lacking}'s side is cut off from the parameters before this tap"), "cut"
    return UNKNOWN, f"{lacking}: {absent.note}", ""


def _shape(t: Tapped) -> str:
    return "×".join(map(str, t.value.shape)) or "scalar"


def _forward(taps: Sequence[At], first: At | None) -> list[str]:
    seen = [t for t in taps if t.value == SAME]
    if first is None:
        return [f"forward: the values agree at {_count(len(seen))}"] if seen else []
    before = [t for t in taps[: taps.index(first)] if t.value == SAME]
    place = (
        f"between `{before[-1].name}`, which agrees, and there" if before else "there or before, as no tap precedes it"
    )
    return [f"forward: the values first differ at `{first.name}`: {first.value_words}; it happens {place}"]


def _backward(taps: Sequence[At], first: At | None, forward: At | None) -> list[str]:
    seen = [t for t in taps if t.gradient == SAME]
    if first is None:
        return [f"backward: the gradients agree at {_count(len(seen))}"] if seen else []
    behind = [t for t in taps[taps.index(first) + 1 :] if t.gradient == SAME]
    at = f"backward: from the output back the gradients first differ at `{first.name}`: {first.gradient_words}; "
    if behind:
        at += f"it is the derivative of what lies between `{first.name}` and `{behind[0].name}`, which agrees"
    else:
        at += f"it is the derivative of what comes after `{first.name}`"
    if forward is not None:
        at += ", where the values may be the reason"
    return [at]


def _alone(taps: Sequence[At], sides: tuple[str, str]) -> list[str]:
    said = []
    for side in sides:
        names = [f"`{t.name}`" for t in taps if t.side == side]
        if names:
            other = sides[side == sides[0]]
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            said.append(f"only {side} has {', '.join(names[:4])}{more}: tap it on {other}'s side too, by the same name")
    return said


def _count(n: int) -> str:
    return "the one tap" if n == 1 else f"all {n} taps that both sides have"


def table(start: Start) -> list[str]:
    """The taps as lines of text: name, value, gradient."""
    width = max((len(t.name) for t in start.taps), default=4)
    lines = []
    for t in start.taps:
        value = t.value_words or "equal"
        gradient = t.gradient_words or ("equal" if t.gradient == SAME else "unknown")
        shown = f"value: {value}" if t.side or t.value == UNKNOWN else f"value: {value}; gradient: {gradient}"
        lines.append(f"{t.name:<{width}}  {shown}")
    return lines
