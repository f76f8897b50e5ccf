"""Every number of a format of 16 or 32 bits, no sampling.

The frameworks evaluate all of them. The truth at each is the function's own text on a framework in double precision
where that can be trusted: where both frameworks say the same to 2**-30, forward and reverse, and a sample of the
binade agrees with the reference to 2**-26. Everywhere else, and wherever an error is among the largest, the reference
decides itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.formats import DTYPES, Format
from harness.model import CaseError
from harness.pointwise.everywhere import Exact
from harness.pointwise.pool import Pool
from harness.pointwise.subject import Subject
from harness.sweep import errors
from harness.sweep.asking import Answer, Asker
from harness.sweep.engine import LIMIT, Side, Sweeper, Swept, same_digits
from harness.sweep.errors import Limits

Array = np.ndarray[Any, np.dtype[Any]]

_CHECKED = 12  # points of each binade at which double precision is held against the reference
_MOST = 1 << 16  # points of one block that the reference decides, at most; beyond it points stay undecided
_LARGEST = 64  # points of the largest errors of each side and quantity that the reference decides itself
BLOCK = 1 << 20


def every(subject: Subject, dtype: str, asker: Asker, *, start: int = 0, stop: int | None = None) -> Swept:
    """All numbers of a real format, or those whose bits are from `start` to `stop`, as one sweep.

    Raises CaseError for a dtype that has more than 2**32 numbers, or a subject that has no reference.
    """
    form = DTYPES[dtype]
    if dtype not in ("float16", "bfloat16", "float32"):
        raise CaseError(f"{dtype} has too many numbers to take every one", None, "float16, bfloat16 or float32")
    if not subject.reference:
        raise CaseError(f"{subject.name} has no portable text, so nothing can decide who is right")
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        points = form.every(start, stop).astype(np.float64)
    points = points[np.isfinite(points)]
    if not points.size:
        points = np.zeros(1)
    told = asker.ask(subject, dtype, points)
    if all(answer.value is None for answer in told.values()):
        return _put_together(subject, dtype, points, Exact.empty(points.size, 1, 1),
                             Limits.of(np.zeros(0, int), Exact.empty(0, 1, 1)), told)
    wide = asker.ask(subject, "float64", points, [n for n in ("torch.autograd", "jax") if n in asker.families],
                     control=True)
    with Pool(subject.reference, subject.argument, is_real=True, form=DTYPES[dtype], jobs=1,
              limit=LIMIT) as pool:
        exact, limits = _truth(form, points, list(wide.values()), pool)
        made = _put_together(subject, dtype, points, exact, limits, told)
        if _confirm(made, pool):
            made = _put_together(subject, dtype, points, made.exact, made.limits, told)
    made.seconds = time.perf_counter() - began
    return made


def _truth(form: Format, points: Array, wide: list[Answer], pool: Pool) -> tuple[Exact, Limits]:
    """The truth at each point: double precision where it can be trusted, the reference elsewhere."""
    values = [a.value for a in wide if a.value is not None]
    slopes = [s for a in wide for s in (a.reverse, a.forward) if s is not None]
    rows = max([v.shape[1] for v in values], default=1)
    exact = Exact.empty(points.size, rows, 1)
    doubt, sure = np.ones(points.size, bool), np.zeros(points.size, bool)
    if len(slopes) > 1 and len({v.shape[1] for v in values}) == 1 and len({s.shape[1:] for s in slopes}) == 1:
        exact.value[:], exact.slope[:] = values[0], slopes[0]
        doubt = ~(_same(values) & _same(slopes))
        cells = np.frexp(np.abs(points))[1].astype(np.int64) * 2 + (points < 0)
        order = np.argsort(cells, kind="stable")
        _, first, count = np.unique(cells[order], return_index=True, return_counts=True)
        checked = np.unique(np.concatenate([
            order[f + np.unique(np.linspace(0, n - 1, min(n, _CHECKED)).astype(int))]
            for f, n in zip(first, count, strict=True)]))
        known = pool.exact(points[checked])
        wrong = ~(known.value_known & known.slope_known & _close(known.value, exact.value[checked])
                  & _close(known.slope, exact.slope[checked]))
        doubt |= np.isin(cells, np.unique(cells[checked[wrong]]))
        for none in _without(values, known, cells, checked):
            doubt &= ~none
            exact.value_known[none] = np.isinf(exact.value[none]).all(axis=1)
            sure |= none
    todo = np.flatnonzero(doubt)[:_MOST]
    exact.value_known[~sure] = exact.slope_known[~sure] = ~doubt[~sure]
    exact.slope_known[sure] = False
    limits = Limits.of(np.zeros(0, int), Exact.empty(0, rows, 1))
    if todo.size:
        known = pool.exact(points[todo])
        if known.value.shape[1] > rows:
            exact = exact.with_rows(known.value.shape[1])
        _write(exact, todo, known.with_rows(exact.value.shape[1]))
        edges = todo[~exact.slope_known[todo] & np.isfinite(exact.value[todo]).all(axis=1)]
        limits = Limits.of(edges, pool.around(points[edges]) if edges.size else Exact.empty(0, exact.value.shape[1], 1))
    return exact, limits


def _without(values: list[Array], known: Exact, cells: Array, checked: Array) -> Iterator[Array]:
    """(N,) points of binades throughout which there is no number to differentiate: each framework's value is NaN, or
    the same infinity, at every point, and the reference has none, or that infinity, at each of those it was asked."""
    for wanted in (np.nan, np.inf, -np.inf):
        def is_so(a: Array, wanted: float = wanted) -> Array:
            return np.asarray((np.isnan(a) if np.isnan(wanted) else a == wanted).all(axis=1))

        here = np.logical_and.reduce([is_so(v) for v in values])
        true = (~known.value_known | is_so(known.value)) if np.isnan(wanted) else known.value_known & is_so(known.value)
        true &= ~known.slope_known
        bad = np.concatenate([cells[~here], cells[checked[~true]]])
        yield here & ~np.isin(cells, bad)


def _write(exact: Exact, at: Array, known: Exact) -> None:
    for name in ("value", "value_low", "value_known", "slope", "slope_low", "slope_known"):
        getattr(exact, name)[at] = getattr(known, name)


def _same(arrays: list[Array]) -> Array:
    """(N,) whether all are finite and the same to 2**-30 of the largest component; where all are 0 as well."""
    with np.errstate(all="ignore"):
        flat = np.stack([a.reshape(len(a), -1) for a in arrays])
        size = np.abs(flat).max(axis=(0, 2))
        apart = (flat.max(axis=0) - flat.min(axis=0)).max(axis=1)
        return np.asarray(np.isfinite(flat).all(axis=(0, 2)) & (apart <= 2.0**-30 * size))


def _close(true: Array, mine: Array) -> Array:
    true, mine = true.reshape(len(true), -1), mine.reshape(len(mine), -1)
    if true.shape != mine.shape:
        return np.zeros(len(true), bool)
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(true - mine).max(axis=1) <= 2.0**-26 * np.abs(true).max(axis=1))


def _put_together(
    subject: Subject, dtype: str, points: Array, exact: Exact, limits: Limits, told: dict[str, Answer]
) -> Swept:
    form = DTYPES[dtype]
    sides: list[Side] = []
    versions: dict[str, str] = {}
    messages: dict[str, str] = {}
    seen: dict[str, Answer] = {}
    alike: dict[str, list[str]] = {}
    for name, answer in told.items():
        versions.update(answer.versions)
        messages |= {name if part == "value" else f"{name} {part}": w for part, w in answer.messages.items()}
        if answer.value is None:
            continue
        twin = next((n for n, a in seen.items() if same_digits(a, answer)), None)
        if twin is not None:
            alike[twin].append(name)
            continue
        seen[name], alike[name] = answer, [name]
    for name, answer in seen.items():
        assert answer.value is not None
        value_error = errors.value_errors(form, answer.value, exact, limits)
        for by in ("reverse", "forward"):
            slope = getattr(answer, by)
            found = {"value": value_error}
            if slope is not None:
                found["dz"] = errors.slope_errors(form, slope, exact, limits, value_error)[0]
            sides.append(Side(", ".join(alike[name]), by, answer.value, slope, found))
    return Swept(subject, dtype, points, np.ones(points.size, bool), exact, limits, sides, points.size, versions,
                 messages)


def _confirm(made: Swept, pool: Pool) -> bool:
    """Have the reference decide where errors are largest; whether there was anything to do."""
    at: set[int] = set()
    for side in made.sides:
        for error in side.errors.values():
            at |= set(np.argsort(-np.nan_to_num(error, nan=-1.0), kind="stable")[:_LARGEST].tolist())
    chosen = np.array(sorted(at - set(made.limits.index.tolist())), int)
    if not chosen.size:
        return False
    known = pool.exact(made.points[chosen])
    if known.value.shape[1] > made.exact.value.shape[1]:
        made.exact = made.exact.with_rows(known.value.shape[1])
    known = known.with_rows(made.exact.value.shape[1])
    better = known.slope_known & known.value_known
    _write(made.exact, chosen[better], known[better])
    return True


def resumable(
    subject: Subject, dtype: str, asker: Asker, state: Path, *, block: int = BLOCK, until: int | None = None,
    said: Callable[[str], None] = lambda line: None,
) -> Swept:
    """Every number of a format in blocks; after each one `state`, a JSON file, says how far it has come, so that it
    continues there. What is returned holds of each block the points where each side is furthest off, and a few taken
    at random, from which medians and shares are.

    until: bits at which to stop (default: the last ones). Raises CaseError where `state` is of another sweep.
    """
    width = 16 if DTYPES[dtype].half else 32
    last = (1 << width) if until is None else until
    mine = {"function": subject.text, "dtype": dtype, "block": block}
    done, worst, random = 0, list[float](), list[float]()
    if state.exists():
        kept = json.loads(state.read_text("utf-8"))
        if {k: kept.get(k) for k in mine} != mine:
            raise CaseError(f"{state} belongs to another sweep", None, f"it is of {kept.get('function')!r}")
        done, worst, random = kept["done"], kept["worst"], kept["random"]
    while done < last:
        made = every(subject, dtype, asker, start=done, stop=min(done + block, last))
        rng = np.random.default_rng(done)
        worst += sorted({float(made.points[k]) for side in made.sides for e in side.errors.values()
                         for k in np.argsort(-np.nan_to_num(e, nan=-1.0), kind="stable")[:2]})
        random += made.points[rng.choice(made.points.size, min(16, made.points.size), replace=False)].tolist()
        done = min(done + block, last)
        whole = state.with_suffix(".part")
        whole.write_text(json.dumps({**mine, "done": done, "worst": worst, "random": random}), "utf-8")
        whole.replace(state)
        said(f"{done:,} of {last:,}")
    with Pool(subject.reference, subject.argument, is_real=True, form=DTYPES[dtype], jobs=1,
              limit=LIMIT) as pool:
        sweeper = Sweeper(subject, dtype, asker, pool)
        made = sweeper.of(np.unique(random), np.unique(worst))
    made.asked = last
    return made
