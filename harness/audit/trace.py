"""Which of the functions that the torch side calls have another derivative in JAX, at the user's own numbers.

A function that was traced is looked up in the catalogue, and evaluated by both frameworks, value and differential, at
the elements with which the user called it. Where they differ, the arbitrary-precision reference is asked at those very
elements. Nobody is named without it; what was recorded over releases only adds how long it has been so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.audit.catalogue_lookup import Known, cases_of, known
from harness.audit.release_history import finding, releases, wrong_in
from harness.formats import DTYPES

Array = np.ndarray[Any, np.dtype[Any]]
Observe = Callable[[str, Sequence[tuple[str, str, str, Array]]], Sequence[Mapping[str, Any]]]

_FUNCTIONS = 24  # that are evaluated
_TRUTHS = 1024  # elements that the reference is asked at, for one function


@dataclass(frozen=True)
class Suspect:
    """One function whose derivative differs between the two frameworks at some of the user's elements.

    function: torch's name; name: the catalogue's. where: the user's line. total, looked, differing: elements of all
    calls, of those looked at, of those with another derivative. wrong: side -> elements at which the reference says it
    is wrong; choice: elements at which both are valid. indices: of the differing ones among those looked at.
    named: whether they are two functions under one name, whose values differ.
    """

    function: str
    name: str
    where: str
    dtype: str
    total: int
    looked: int
    differing: int
    wrong: Mapping[str, int]
    choice: int
    indices: tuple[int, ...]
    sentence: str
    named: bool = False


def suspects(
    calls: Sequence[Mapping[str, Any]], observe: Observe, versions: Mapping[str, str] | None = None
) -> list[Suspect]:
    """Functions that differ, those with a culprit first.

    calls: what harness.backends.torch.trace.trace returned. observe(family, functions): see
    harness.backends.elementwise.observe; asked once for each family. versions: "torch" and "jax", for the sentences.
    """
    asked: list[tuple[Mapping[str, Any], Known, Array]] = []
    for call in calls:
        found = known(call) if call["elementwise"] else None
        points = np.asarray(call["elements"])
        if found is not None and points.size and points.dtype.kind in "fc" and len(asked) < _FUNCTIONS:
            asked.append((call, found, points))
    if not asked:
        return []
    seen = {
        family: observe(family, [(k.sources[family].kind, k.sources[family].text, k.argument, p) for _, k, p in asked])
        for family in ("torch", "jax")
    }
    out = []
    for (call, function, points), torch, jax in zip(asked, seen["torch"], seen["jax"], strict=True):
        if "message" in torch or "message" in jax:
            continue
        suspect = _suspect(call, function, points, torch, jax, versions or {})
        if suspect is not None:
            out.append(suspect)
    return sorted(out, key=lambda s: (not s.wrong, s.choice == s.differing, -s.differing))


def remembered(calls: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> list[str]:
    """Sentences about functions that are not elementwise and were recorded to have a wrong derivative in the installed
    release, at points such as the user's: finite, and without zeros unless there are some. They accuse nobody.

    versions: "torch" and "jax". What was evaluated at the user's own numbers is `suspects`' affair.
    """
    out: dict[str, str] = {}
    for call in calls:
        points = np.asarray(call["elements"])
        if call["elementwise"] or call["tensors"] != 1 or not points.size or call["function"] in out:
            continue
        for side, version in versions.items():
            cases = cases_of(call)
            words = wrong_in(cases, side, str(points.dtype), _ordinary(points))
            known_as = finding(cases, side, _ordinary(points))
            if not known_as and not (words and _within(version, *releases(words))):
                continue
            place = f" ({call['where']})" if call["where"] else ""
            told = known_as or f"its derivative is wrong in {words}"
            what = f"your function calls `{call['function']}`{place}"
            out[call["function"]] = f"{what}, of which it is recorded, at other numbers than yours: {told}"
    return list(out.values())


def _ordinary(points: Array) -> Callable[[Array], bool]:
    zeros = bool((points == 0).any())
    size = 100 * float(np.abs(points[np.isfinite(points)]).max(initial=1.0))

    def test(array: Array) -> bool:
        z = np.asarray(array).reshape(-1)
        return bool(z.size and np.isfinite(z).all() and (np.abs(z) <= size).all() and (zeros or (z != 0).all()))

    return test


def _within(version: str, first: str, last: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(first) <= Version(version) <= Version(last)
    except InvalidVersion:
        return False


def _suspect(
    call: Mapping[str, Any], function: Known, points: Array, torch: Mapping[str, Any], jax: Mapping[str, Any],
    versions: Mapping[str, str],
) -> Suspect | None:
    from harness.comparison.tolerance import tolerances
    from harness.pointwise.judge import judge, verdicts
    from harness.pointwise.observe import Observed
    from harness.verdicts import VERDICT

    dtype = str(points.dtype)
    tol = tolerances(dtype)
    codes = verdicts(torch["value"], torch["reverse"], jax["value"], jax["reverse"], tol)
    at = np.flatnonzero(codes > VERDICT["precision"])
    at = np.union1d(at, np.flatnonzero(codes == VERDICT["value"]))
    if not at.size:
        return None
    apart = _apart(call, function, points, torch["value"], jax["value"], tol)
    if apart is not None:
        return apart
    some = at[:: -(-at.size // _TRUTHS)]
    truth, beside = _truth(function, points[some])
    sides = [Observed(n, {}, s["value"][some], s["reverse"][some]) for n, s in (("torch", torch), ("jax", jax))]
    wrong: dict[str, int] = {}
    first: dict[str, int] = {}
    valid = np.zeros(some.size, bool)
    if truth is not None:
        judged = judge(sides, truth, beside, dtype)
        fine = np.isin(
            [s.against for s in judged.sides], [VERDICT[w] for w in ("agree", "precision", "choice", "branch")]
        )
        known_ = np.array([s.against != -1 for s in judged.sides])
        valid = np.asarray(fine.all(axis=0))
        for answered, good, decided in zip(judged.sides, fine, known_, strict=True):
            bad = ~good & decided
            if bad.any():
                wrong[answered.name], first[answered.name] = int(bad.sum()), int(np.flatnonzero(bad)[0])
    every = some.size == at.size
    told = _sentence(call, function, points, at, wrong, valid, versions, every)
    for side, k in first.items():
        data = torch if side == "torch" else jax
        right = f", right is {_derivative(truth.high[k])}" if truth is not None and truth.known[k] else ""
        told += f"; e.g. at {function.argument} = {_number(points[some[k]])} {side} has " \
                f"{_derivative(data['reverse'][some[k]])}{right}"
    return Suspect(call["function"], function.name, call["where"], dtype, int(call["total"]), points.size, int(at.size),
                   wrong, int(valid.sum()), tuple(at.tolist()), told)


def _apart(call: Mapping[str, Any], function: Known, points: Array, left: Array, right: Array, tol: Any
           ) -> Suspect | None:
    """Two functions under one name (gelu is exact in torch and by tanh in JAX, unless told): values that differ at most
    elements. Their derivatives differ for that reason, and none of them is wrong."""
    a, b = np.asarray(left), np.asarray(right)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        off = np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) > tol.coarse * size)
    if 2 * off.sum() <= (size > 0).sum():
        return None
    at = np.flatnonzero(off)
    k = int(at[np.argmax(np.abs(a - b)[at])])
    place = f" ({call['where']})" if call["where"] else ""
    told = (f"your function calls `{call['function']}`{place}; JAX's function of that name has other values "
            f"by default: at {_number(points[k])} it gives {_number(b[k])}, torch {_number(a[k])}")
    return Suspect(call["function"], function.name, call["where"], str(points.dtype), int(call["total"]), points.size,
                   int(at.size), {}, 0, tuple(at.tolist()), told, named=True)


def _truth(function: Known, points: Array) -> tuple[Any, Any]:
    """(truth, the differentials beside points on a cut or a kink) by the reference; (None, None) where it has none."""
    from harness.pointwise.judge import Beside
    from harness.pointwise.truth import Reference, sides

    if not function.reference:
        return None, None
    is_real = not np.iscomplexobj(points)
    exact = points.astype(np.float64 if is_real else np.complex128)
    try:
        reference = Reference(function.reference, function.argument, is_real=is_real, form=DTYPES[str(points.dtype)])
        truth = reference.at(exact)
        at = np.flatnonzero(~truth.known & np.isfinite(truth.value))
        if not at.size:
            return truth, None
        around = sides(reference, exact[at])
        if np.iscomplexobj(truth.value) != np.iscomplexobj(around.value):
            return truth, None
        count = around.value.size // at.size
        return truth, Beside(at, truth.jump[at], around.value.reshape(-1, count),
                             around.high.reshape(at.size, count, *around.high.shape[1:]))
    except Exception:  # a text that only a framework can evaluate: then nothing decides
        return None, None


def _sentence(
    call: Mapping[str, Any], function: Known, points: Array, at: Array, wrong: Mapping[str, int], valid: Array,
    versions: Mapping[str, str], every: bool,
) -> str:
    place = f" ({call['where']})" if call["where"] else ""
    total = int(call["total"])
    among = f"{points.size:,} sampled of your {total:,} elements" if points.size < total else (
        f"your {total:,} elements" if total > 1 else "your one element")
    told = f"your function calls `{call['function']}`{place}"
    region, holds = _region(points[at], points)
    where = f"{at.size:,} of {among}" + (f", all with {region}" if region else "")
    if not wrong:
        if at.size and valid.all():
            return f"{told}; torch and jax choose differently at {where}: both are valid there (a kink or a cut)"
        return f"{told}; torch and jax differ at {where}, and nothing decides who is right"
    who = " and ".join(f"{side} {versions[side]}" if side in versions else side for side in sorted(wrong))
    told += f"; the derivative of `{function.name}` is wrong in {who} at {where} (by the reference"
    told += ")" if every else f", asked at {valid.size})"
    for side in sorted(wrong):
        long = wrong_in(function.cases, side, str(points.dtype), _like(points[at], holds))
        if long:
            told += f"; recorded wrong in {long}"
        known_as = finding(function.cases, side, _like(points[at], holds))
        if known_as:
            told += f"; {known_as}"
    return told


def _like(some: Array, holds: Callable[[Array], Array]) -> Callable[[Array], bool]:
    """Whether the points of an array are such as `some`: in their region, and not of another size altogether."""
    size = 100 * float(np.abs(some[np.isfinite(some)]).max(initial=1.0))

    def test(array: Array) -> bool:
        z = np.asarray(array).reshape(-1)
        return bool(z.size and np.isfinite(z).all() and (np.abs(z) <= size).all() and holds(z).all())

    return test


def _region(some: Array, every: Array) -> tuple[str, Callable[[Array], Array]]:
    """A plain region that holds all of `some` and not all of `every`, and its test; "" where there is none."""
    z = "z" if np.iscomplexobj(every) else "x"
    tests: list[tuple[str, Callable[[Array], Array]]] = [(f"{z} = 0", lambda v: v == 0)]
    if np.iscomplexobj(every):
        tests += [
            ("Im z = 0 and Re z < 0", lambda v: (v.imag == 0) & (v.real < 0)), ("Im z = 0", lambda v: v.imag == 0),
            ("Re z = 0", lambda v: v.real == 0), ("Re z < 0", lambda v: v.real < 0), ("Re z > 0", lambda v: v.real > 0),
            ("Im z < 0", lambda v: v.imag < 0), ("Im z > 0", lambda v: v.imag > 0),
        ]
    else:
        tests += [("x < 0", lambda v: v < 0), ("x > 0", lambda v: v > 0)]
    tests += [(f"|{z}| < 1", lambda v: np.abs(v) < 1), (f"|{z}| > 1", lambda v: np.abs(v) > 1)]
    found = ((words, holds) for words, holds in tests if holds(some).all() and not holds(every).all())
    return next(found, ("", lambda v: np.ones(v.shape, bool)))


def _derivative(j: Array) -> str:
    """One differential (rows, columns) as "df/dz = ..." and, where it is not zero, df/dz*."""
    rows, columns = j.shape
    if columns == 1:
        return f"{_number(complex(j[0, 0], j[1, 0]) if rows == 2 else j[0, 0])}"
    full = np.zeros((2, 2))
    full[:rows] = j
    (ux, uy), (vx, vy) = full
    first, second = complex(ux + vy, vx - uy) / 2, complex(ux - vy, vx + uy) / 2
    told = f"df/dz = {_number(first)}"
    return told if abs(second) <= 1e-12 * abs(first) else f"{told}, df/dz* = {_number(second)}"


def _number(z: Any) -> str:
    z = complex(z)
    if z.imag == 0:
        return f"{z.real:.6g}"
    return f"{z.real:.6g}{z.imag:+.6g}i"
