"""What an origin is: hypotheses that are evaluated. One is said only where it gives the other side's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from harness.audit.origins.backward import Part
from harness.audit.origins.cut import Cut, lacking
from harness.audit.origins.forward import Search
from harness.audit.origins.functions import functions
from harness.audit.origins.layout import close, find
from harness.audit.origins.program import code
from harness.backends.side.narrow import digits
from harness.formats import SINGLE
from harness.wirtinger import Array

#: Operations that JAX's side evaluates with other options (backends/jax/options.py), and steps that are looked at so.
_WITH_OPTIONS = ("conv_general_dilated", "dot_general", "mul", "div", "cum", "reduce_", "sort", "rev")
_LOOKED = 4
_NOTHING = "nothing that was tried explains the numbers"


@dataclass(frozen=True)
class Said:
    """What a mistake is and what to write. jax: the step whose line it is, where that is not the end of the mistake."""

    what: str
    fix: str
    jax: Any = None
    torch: Any = None


def explain_cut(cut: Cut, search: Search) -> Said:
    """What a mistake in a value is."""
    if cut.said[0]:
        return Said(*cut.said)
    if cut.lacking and cut.proven:
        return Said(*lacking(cut))
    if not cut.proven or cut.layout is None:
        return Said("the values part here; no single value put in JAX's place lets the programs meet again, and "
                    f"{_NOTHING}", "")
    a = cut.at.recordings["torch"].value(cut.torch.id)
    b = cut.layout.to_left(cut.at.recordings["jax"].value(cut.jax.id))
    rtol = search.rtol
    tried = chain(functions(cut, a, b, rtol), _constants(cut, a, b, rtol), _related(a, b, rtol, cut),
                  _masks(a, b, cut, rtol), _rounded(a, b, cut))
    for what, fix in tried:
        return Said(what, fix)
    for what, fix in _called(cut, search):
        return Said(what, fix)
    found = _options(cut, search)
    return found or Said(f"the values part here{_apart(a, b)}; with torch's in place the programs agree again, and "
                         f"{_NOTHING}", "")


def _options(cut: Cut, search: Search) -> Said | None:
    """The operation of JAX's step, or of one before it that torch does in the same call, with another option."""
    assert cut.layout is not None
    goal = cut.layout.to_right(cut.at.recordings["torch"].value(cut.torch.id))
    g, source = cut.at.right, search.jax.source
    inside = sorted((g.ancestors([cut.jax.id]) & cut.at.regions["jax"]) | {cut.jax.id}, reverse=True)
    able = [i for i in inside if g.steps[i].op.startswith(_WITH_OPTIONS)]
    for i in able[:_LOOKED]:
        for what, fix, value in source.options(cut.before, i):
            got = value if i == cut.jax.id else source.probe({**cut.before, i: value}, [cut.jax.id]).get(cut.jax.id)
            if got is not None and find(goal, got, 10 * search.rtol) is not None:
                step, torch = g.steps[i], cut.at.left.ancestors([cut.torch.id]) & cut.at.regions["torch"]
                same = [u for u in sorted(torch) if u >= 0 and cut.at.left.steps[u].print.size == value.size and find(
                    cut.at.recordings["torch"].value(u), value, 10 * search.rtol) is not None]
                return Said(f"the same operation with another option gives torch's numbers: {what}",
                            f"{fix} in {code(step)}", step, cut.at.left.steps[same[0]] if same else None)
    return None


def _called(cut: Cut, search: Search) -> Iterator[tuple[str, str]]:
    """As functions of one name, the results of the lines whose insides part: torch's call, and what JAX has for it."""
    if not cut.torch.quiet:
        return
    left, right, recordings = cut.at.left, cut.at.right, cut.at.recordings
    whole = [i for i in sorted(left.descendants(cut.torch.id)) if not left.steps[i].quiet and _line(left, i) == (
        cut.torch.file, cut.torch.line)]
    below = [i for i in sorted(right.descendants(cut.jax.id)) if _line(right, i) == (cut.jax.file, cut.jax.line)]
    for i in whole[:1]:
        a = recordings["torch"].value(i)
        for k in [k for k in below if right.steps[k].shape == a.shape]:
            yield from functions(replace(cut, torch=left.steps[i]), a, recordings["jax"].value(k), search.rtol)


def _line(g: Any, i: int) -> tuple[str, int]:
    return g.steps[i].file, g.steps[i].line


def _constants(cut: Cut, a: Array, b: Array, rtol: float) -> Iterator[tuple[str, str]]:
    """The same array with another constant added to it, or multiplied by another one."""
    g = cut.at.left
    for p in g.parents(cut.torch.id):
        x = cut.at.recordings["torch"].value(p)
        if x.size != a.size or not x.size or not all(np.isfinite(v).all() for v in (x, a, b)):
            continue
        x = x.reshape(a.shape)
        size = float(np.abs(x).max()) or 1.0
        first, second = (float(np.real((v - x).mean())) for v in (a, b))
        added = all(close(x + c, v, rtol) for c, v in ((first, a), (second, b)))
        # (what is below the rounding of x is no constant)
        if added and abs(first - second) > 1e-3 * max(abs(first), abs(second)) and max(
                abs(first), abs(second)) > 1e3 * np.finfo(np.float64).eps * size and (
                _telling(x) or all(_written(c, 8 * _eps(a, b) * size) for c in (first, second))):
            yield (f"torch adds {_short(first)} where JAX adds {_short(second)}",
                   f"{_short(first)} in place of {_short(second)}: {code(cut.jax)}")


def _telling(x: Array) -> bool:
    """Whether the entries differ: any two arrays of equal entries differ by a constant, and by a factor."""
    return bool(np.ptp(np.abs(x)) > 0)


def _written(c: float, rounding: float) -> bool:
    """Whether a number is one that people write: two digits, such as 1e-5, 0.5 or 12."""
    return abs(float(f"{c:.2g}") - c) <= rounding


def _eps(*arrays: Array) -> float:
    return max(float(np.finfo(x.dtype).eps) for x in arrays)


def _short(c: float) -> str:
    """A constant that was found by subtraction, without the digits of its rounding."""
    text = f"{c:.6g}"
    return f"{c:.1g}" if abs(float(f"{c:.1g}") - c) <= 1e-4 * abs(c) else text


def _masks(a: Array, b: Array, cut: Cut, rtol: float) -> Iterator[tuple[str, str]]:
    """Entries that one side takes out, by infinity or by zero, and the other does not; all others are equal."""
    for word, out in (("-inf", -np.inf), ("0", 0.0)):
        here, there = a == out, b == out
        if (here != there).any() and close(np.where(here | there, 0, a), np.where(here | there, 0, b), rtol):
            yield (f"another mask: torch has {word} in {np.count_nonzero(here)} of {a.size} entries, JAX in "
                   f"{np.count_nonzero(there)}; all others are equal", f"mask as torch's line does: {code(cut.torch)}")


def _apart(a: Array, b: Array) -> str:
    fine = np.isfinite(a) & np.isfinite(b)
    if not fine.all() and close(a[fine], b[fine], 1e-6):
        return f" in {np.count_nonzero(~fine)} of {a.size} entries, which are infinite or NaN"
    top = float(np.abs(a[fine]).max(initial=0)) or 1.0
    return f", by {float(np.abs(a - b)[fine].max(initial=0)) / top:.2g} of the largest"


def _related(a: Array, b: Array, rtol: float, cut: Cut) -> Iterator[tuple[str, str]]:
    """torch's array from JAX's by a factor, a sign, a conjugation, or another order of one axis."""
    top = float(np.abs(b).max(initial=0))
    if top and np.isfinite(a).all() and np.isfinite(b).all():
        k = int(np.abs(b).argmax())
        factor = complex(a.reshape(-1)[k] / b.reshape(-1)[k])
        if close(b * (factor if np.iscomplexobj(a) else factor.real), a, 10 * rtol) and abs(factor.imag) < 1e-9:
            named = _named(factor.real, cut, rtol)
            if not named and _telling(b):
                named = f"{factor.real:.12g}"
            if not named and _written(factor.real, 8 * _eps(a, b) * abs(factor)):
                named = f"{factor.real:.2g}"
            if named:
                yield f"torch's value is {named} times JAX's", f"multiply the JAX side by {named}: {code(cut.jax)}"
    if np.iscomplexobj(a) and close(np.conj(b), a, rtol):
        yield "one side is conjugated", f"jnp.conj(...) around the JAX side: {code(cut.jax)}"
    if a.ndim >= 2 and a.shape[-1] == a.shape[-2] and close(np.swapaxes(b, -1, -2), a, rtol):
        yield "one side is transposed", "jnp.swapaxes(..., -1, -2) on the JAX side"


def _named(factor: float, cut: Cut, rtol: float) -> str:
    """A factor as a formula of the sizes at hand, "" where none gives it."""
    sizes = {n for step in (cut.torch, cut.jax) for n in step.shape}
    for g in (cut.at.left, cut.at.right):
        step = cut.torch if g.side == "torch" else cut.jax
        sizes |= {n for p in g.parents(step.id) for n in g.steps[p].shape}
    for n in sorted(s for s in sizes if s > 1):
        for text, number in ((f"1/{n}", 1 / n), (f"{n}", n), (f"1/sqrt({n})", n**-0.5), (f"sqrt({n})", n**0.5),
                             (f"{n}/{n - 1}", n / (n - 1)), (f"{n - 1}/{n}", (n - 1) / n)):
            for sign in (1, -1):
                if abs(factor - sign * number) <= 10 * rtol * abs(factor):
                    return text if sign > 0 else f"-{text}"
    return ""


def rounded(cut: Cut) -> bool:
    """Whether a rounding to single precision explains a mistake in a value."""
    if not cut.proven or cut.lacking or cut.said[0] or cut.layout is None:
        return False
    a = cut.at.recordings["torch"].value(cut.torch.id)
    b = cut.layout.to_left(cut.at.recordings["jax"].value(cut.jax.id))
    return any(True for _ in _rounded(a, b, cut))


def _rounded(a: Array, b: Array, cut: Cut) -> Iterator[tuple[str, str]]:
    """A narrower precision in a program: the difference is a rounding to it, and such a step is near."""
    for side, step in (("jax", cut.jax), ("torch", cut.torch)):
        g = cut.at.graph(side)
        near = [g.steps[i] for i in g.ancestors([step.id]) if i in cut.at.regions[side] or i == step.id]
        other = cut.torch if side == "jax" else cut.jax
        wide, least = digits(str(other.dtype)), min((d for s in near if (d := digits(str(s.dtype)))), default=0)
        if not 0 < least < wide:
            continue
        word = "single" if least == SINGLE.digits else "half"
        room = 64 * 1.2e-7 if word == "single" else 4 * 2.0 ** (1 - least)
        with np.errstate(all="ignore"):
            small = bool((np.abs(a - b) <= room * np.abs(a).max(initial=0)).all())
        if small:
            outer = "double" if wide > SINGLE.digits else "single"
            yield (f"{word} precision inside a {outer}-precision program on the {side} side: the values differ by its "
                   "rounding", f"keep the inputs' dtype: {code(step)}")


def explain_part(part: Part) -> tuple[str, str]:
    """(what it is, what to write) of a mistake in a derivative; the numbers were measured along one direction."""
    side = part.wrong[0]
    step = part.torch if side == "torch" else part.jax
    numbers = (f"along one direction the loss changes by {part.measured[side]:.6g}, torch's cotangent says "
               f"{part.predicted['torch']:.6g}, JAX's {part.predicted['jax']:.6g}")
    if part.factor == 0:
        stop = {"torch": "detach or no_grad", "jax": "stop_gradient"}[side]
        fix = (f"take the {stop} away, or do the same on the other side: jax.lax.stop_gradient(...) in {code(part.jax)}"
               if side == "torch" else f"take stop_gradient away, or detach on the torch side: {code(part.torch)}")
        return f"on the {side} side no gradient passes here ({stop}); {numbers}", fix
    if np.isfinite(part.factor) and abs(part.factor - 1) > 1e-6:
        return (f"on the {side} side the derivative of {step.op!r} is {part.factor:.{part.digits}g} times that of its "
                f"function; {numbers}"), f"correct its rule: {code(step)}"
    if not part.alone:
        return (f"on the {side} side a derivative is wrong between this value and what is made of it; which step's "
                f"could not be told; {numbers}"), ""
    return (f"on the {side} side the derivative of {step.op!r} is not that of its function; {numbers}",
            f"correct its rule: {code(step)}")
