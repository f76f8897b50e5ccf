"""Each side's gradient against finite differences of its own value, along directions that move many parameters at once.

Where the two gradients differ, the best direction is their difference: along it they predict numbers that are as far
apart as can be, and the value decides between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from harness.audit.faults import SideFault
from harness.audit.judging import largest
from harness.audit.result import HARMLESS, Check
from harness.audit.state import Faults, State
from harness.backends.side.sets import Set, sets
from harness.wirtinger import Array

if TYPE_CHECKING:
    from harness.audit.mapping import Link

#: Parameters that get a direction of their own where they differ; the others are moved together.
OWN = 6
#: An estimate must lie within this many of its error from a prediction.
_ERRORS = 4.0


@dataclass(frozen=True)
class Direction:
    """A direction in torch's layout: torch leaf name -> array. word: random, real, imaginary or difference."""

    word: str
    arrays: Mapping[str, Array]
    links: tuple[Link, ...]


class Judged(Protocol):
    """What is known of one parameter's two gradients."""

    @property
    def verdict(self) -> str: ...

    @property
    def max_rel(self) -> float: ...


def directions(state: State, rows: Sequence[Judged], values_agree: bool) -> list[Direction]:
    """What is to be tried: all parameters together, and each of those that differ along its difference."""
    links = state.movable
    out = [random_direction(state, links, "random", 1)] if links else []
    complex_ones = [x for x in links if np.iscomplexobj(state.array("torch", x.torch))]
    if complex_ones:
        out.append(random_direction(state, complex_ones, "imaginary", 2))
    bad = [(x, row) for x, row in zip(state.differentiated, rows, strict=True)
           if row.verdict not in HARMLESS and x.torch not in state.unchecked]
    if not values_agree:  # two functions: each is asked about its own gradient, not which of the two is the function's
        bad = [pair for pair in bad if pair[1].verdict in ("zero", "nonfinite", "part")]
    bad.sort(key=lambda pair: -pair[1].max_rel)
    groups = [[pair[0]] for pair in bad[:OWN]]
    if bad[OWN:]:
        groups.append([pair[0] for pair in bad[OWN:]])
    out += [d for group in groups if (d := along_difference(state, group)) is not None]
    return out


def _size(state: State, x: Link) -> float:
    """Typical size of an entry of a parameter: root mean square, 1 where it is zero."""
    array = state.array("torch", x.torch)
    if not array.size:
        return 1.0
    mean = float(np.sqrt(np.mean(np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)) ** 2)))
    return mean if np.isfinite(mean) and mean > 0 else 0.1


def random_direction(state: State, links: Sequence[Link], word: str, salt: int) -> Direction:
    """Normal numbers of each parameter's size. salt: directions of different salts are different ones."""
    draw = np.random.default_rng([state.options.seed, salt])
    found = {}
    for x in links:
        array = state.array("torch", x.torch)
        size = np.float32(_size(state, x))
        numbers: Array = np.asarray(draw.standard_normal(array.shape, dtype=np.float32) * size)
        if word == "imaginary":
            numbers = 1j * numbers
        elif np.iscomplexobj(array) and word == "random":
            numbers = numbers + 1j * draw.standard_normal(array.shape, dtype=np.float32) * size
        numbers = np.asarray(numbers).astype(array.dtype)
        if x.torch in state.padded:
            numbers[state.padded[x.torch]] = 0
        held = state.sets.get(x.torch)
        found[x.torch] = numbers if held is None else held.step(array, numbers, random=True)
    return Direction(word, found, tuple(links))


def along_difference(state: State, links: Sequence[Link]) -> Direction | None:
    """The difference of the two gradients, each parameter's scaled to its size; None where there is none."""
    found = {}
    for x in links:
        left, right = state.gradients(x)
        like = state.array("torch", x.torch)
        zero = np.zeros(like.shape, like.dtype)
        with np.errstate(all="ignore"):
            delta = (zero if left is None else left) - (zero if right is None else right)
        if not np.iscomplexobj(like):
            delta = np.real(delta)
        delta = np.where(np.isfinite(delta), delta, 0)
        if x.torch in state.padded:
            delta[state.padded[x.torch]] = 0
        top = largest(delta)
        if top == 0 or (x.torch in state.padded and top <= state.tol.coarse * max(map(largest, (left, right)))):
            continue
        held = state.sets.get(x.torch)
        if held is None:
            found[x.torch] = (delta * (_size(state, x) / top)).astype(like.dtype)
        elif not within(state, x, held):
            found[x.torch] = held.step(like, delta.astype(like.dtype))
    return Direction("difference", found, tuple(x for x in links if x.torch in found)) if found else None


def within(state: State, x: Link, held: Set) -> bool:
    """Whether both gradients say the same of every direction that stays in the set."""
    like = state.array("torch", x.torch)
    left, right = (np.zeros(like.shape, like.dtype) if g is None else g for g in state.gradients(x))
    with np.errstate(all="ignore"):
        delta = held.tangent(like, left - right)
    return largest(delta) <= state.tol.coarse * max(largest(left), largest(right))


def predicted(state: State, side: str, direction: Direction) -> float:
    """Re <L_x + i L_y, direction> summed over the parameters; NaN where the gradient is not finite."""
    total = 0.0
    for x in direction.links:
        left, right = state.gradients(x)
        gradient = left if side == "torch" else right
        if gradient is not None:
            total += _dot(gradient, direction.arrays[x.torch])
    return total


def _dot(a: Array, b: Array) -> float:
    total = 0.0
    flat, other = a.reshape(-1), b.reshape(-1)
    for k in range(0, flat.size, 1 << 20):
        p, q = flat[k : k + (1 << 20)], other[k : k + (1 << 20)]
        with np.errstate(all="ignore"):
            total += float(np.sum(np.real(p).astype(np.float64) * np.real(q)))
            if np.iscomplexobj(p) and np.iscomplexobj(q):
                total += float(np.sum(np.imag(p).astype(np.float64) * np.imag(q)))
    return total


def checked(state: State, directions: Sequence[Direction]) -> list[Check]:
    """Both sides along each direction: torch's checks, then JAX's, each in the directions' order. Raises Faults."""
    if not directions:
        return []
    links = {x.torch: x for x in state.differentiated}

    def fields(side: str) -> dict[str, object]:
        bent = [curves(state, side, d.links) for d in directions]
        if side == "torch":
            return {"directions": [dict(d.arrays) for d in directions], "curves": bent, **known(state, side)}
        return {"directions": [
            {links[n].jax: as_leaf(state, links[n], a) for n, a in d.arrays.items()} for d in directions
        ], "curves": bent, **known(state, side)}

    replies = state.ask("differences", fields)
    for side in ("torch", "jax"):
        worked = [found["noise"] for found in replies[side]["differences"] if not found["failed"]]
        if worked:
            state.noise.setdefault(side, max(worked))
    out = []
    for side in ("torch", "jax"):
        other = "jax" if side == "torch" else "torch"
        for direction, found in zip(directions, replies[side]["differences"], strict=True):
            out.append(_check(state, side, direction, found, predicted(state, other, direction)))
    return _second_look(state, [*directions, *directions], out)


def known(state: State, side: str) -> dict[str, Any]:
    """What finite differences of a side have to be told about its value."""
    jumps = state.noise.get(side)
    if state.inside_words == "half" and state.narrow.get(side):  # few numbers need not jump where it is looked
        size = sum(float(np.abs(v).sum()) for v in state.seen[side].outputs.values() if v.dtype.kind in "fc")
        jumps = max(jumps or 0.0, state.tol.eps * size)
    return {"jumps": jumps, "rough": bool(state.narrow.get(side))}


def curves(state: State, side: str, links: Sequence[Link]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """leaf name -> the curved set that it stays in, as the side's own array lies in it."""
    out = {}
    for x in links:
        held = state.sets.get(x.torch)
        if held is not None and held.curved:
            own = twin(state, x, held) if side == "jax" else held
            assert own is not None
            out[x.jax if side == "jax" else x.torch] = (own.word, own.axes)
    return out


def twin(state: State, x: Link, held: Set) -> Set | None:
    """The set as it is on the JAX side, whose array may be laid out in another way; None where it lies in none."""
    array = state.array("jax", x.jax)
    sizes = [state.array("torch", x.torch).shape[k] for k in held.axes]
    return next((s for s in sets(array) if s.word == held.word and [array.shape[k] for k in s.axes] == sizes), None)


def _second_look(state: State, directions: Sequence[Direction], checks: list[Check]) -> list[Check]:
    """Nobody is accused by one estimate: those that accuse are made again with much smaller steps.

    An L1 loss has kinks everywhere, and differences taken across some of them settle on another number with a small
    error. Near the point they do not: where the new estimate is nearer to the prediction than to the old estimate,
    it takes the old one's place, and accuses nobody.
    """
    asked = [k for k, c in enumerate(checks) if c.consistent is False and np.isfinite(c.predicted)]
    if not asked:
        return checks
    shrink = 2.0**-3 if state.tol.single else 2.0**-8  # single precision leaves no room for more
    out = list(checks)
    for side in ("torch", "jax"):
        mine = [k for k in asked if checks[k].side == side]
        if not mine:
            continue
        links = {x.torch: x for k in mine for x in directions[k].links}
        shrunk = [{n: a * np.asarray(shrink, a.dtype) for n, a in directions[k].arrays.items()} for k in mine]
        if side == "jax":
            shrunk = [{links[n].jax: as_leaf(state, links[n], a) for n, a in arrays.items()} for arrays in shrunk]
        state.channels[side].ask("differences", directions=shrunk,
                                 curves=[curves(state, side, directions[k].links) for k in mine],
                                 **known(state, side))
        try:
            found = state.channels[side].answer()["differences"]
        except SideFault as fault:
            raise Faults([fault]) from fault
        for k, again in zip(mine, found, strict=True):
            estimate, old = float(again["estimate"]) / shrink, checks[k]
            if abs(estimate - old.predicted) < abs(estimate - old.estimate):
                scaled = {"estimate": estimate, "error": float(again["error"]) / shrink, "values": again["values"]}
                new = _check(state, side, directions[k], scaled, old.other)
                out[k] = replace(new, consistent=new.consistent or None, values=old.values + new.values)
    return out


def as_leaf(state: State, x: Link, array: Array) -> Array:
    """A direction in torch's layout as one of the JAX side's leaf: in its layout, real where it is."""
    turned = x.to_jax(array)
    like = state.array("jax", x.jax)
    # (np.ascontiguousarray would make a scalar an array of one entry)
    return np.asarray(turned if np.iscomplexobj(like) else np.real(turned), order="C")


def _check(state: State, side: str, direction: Direction, found: Mapping[str, Any], other: float) -> Check:
    said = predicted(state, side, direction)
    estimate, error = float(found["estimate"]), float(found["error"])
    consistent: bool | None
    # sums of many terms: rounding of the prediction is relative to the size of the terms, not to their sum
    terms = np.sqrt(sum(_square(state, side, x, direction) for x in direction.links))
    allowed = _ERRORS * error + state.tol.coarse * max(abs(said), abs(estimate), float(terms))
    if not np.isfinite(said):
        consistent = False if np.isfinite(estimate) else None
    elif not np.isfinite(estimate) or not np.isfinite(error):
        consistent = None
    else:
        gap = abs(said - estimate)
        consistent = gap <= allowed
        # an estimate that could not have told the two gradients apart says nothing
        if consistent and direction.word == "difference" and abs(said - other) <= 2 * allowed:
            consistent = None
        if consistent and allowed > 0.1 * max(abs(said), float(terms)):
            consistent = None
    kink = bool(found.get("torn", False)) and bool(np.isfinite(said))
    if kink:  # a central difference is the mean of two slopes there
        consistent = None
    slopes = (float(found.get("left", np.nan)), float(found.get("right", np.nan)))
    return Check(side, tuple(x.torch for x in direction.links), direction.word, said, estimate, error, consistent,
                 other, int(found["values"]), kink, slopes, str(found.get("failed", "")), float(terms),
                 float(found.get("noise", 0.0)))


def _square(state: State, side: str, x: Link, direction: Direction) -> float:
    left, right = state.gradients(x)
    gradient = left if side == "torch" else right
    if gradient is None or not gradient.size:
        return 0.0
    step = direction.arrays[x.torch]
    with np.errstate(all="ignore"):
        size = np.abs(np.where(np.isfinite(gradient), gradient, 0)).astype(np.float64) * np.abs(step)
    return float(np.sum(size**2))


