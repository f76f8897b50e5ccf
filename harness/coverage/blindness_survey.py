"""What each case can show: at which points a conjugation, a sign flip and a factor of 2 would be seen.

J comes from the reference, at the widest precision of the case; where the reference has no text for a case, from what
a framework returns for it. An error is seen at a point when J with that error differs from J. Generic points are asked
first, and no more are asked once everything has been seen at ENOUGH of them: the others are where derivatives cost
most, and say least about signs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import kept
from harness.comparison.blind import blindness
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Form
from harness.coverage.features import generic
from harness.formats import DOUBLE
from harness.model import Case, Observation, Point, concrete_dtype, is_callable_path
from harness.storage import cache_folder

#: What J is judged by: far coarser than the arithmetic, so that rounding does not count as sight.
_TOLERANCE = Tolerances(1e-6, 1e-6, DOUBLE.eps, DOUBLE.tiny, DOUBLE)


#: Points that show every error, after which no more are asked.
ENOUGH = 2
_FRAMEWORKS = ("torch.autograd", "jax")
_OWN = ("", "reference")


class Row(NamedTuple):
    """What is needed of an observation."""

    point: str
    quantity: str
    output: str
    input: str
    data: Any


@dataclass(frozen=True)
class Sight:
    """What the points of a case show.

    hidden: (point, output, input) -> "" where every error would be seen, else what would not (comparison.blind).
    source: where J is from: "reference", the name of a framework, or "" where nothing could tell.
    """

    hidden: Mapping[tuple[str, str, str], str]
    source: str

    @property
    def sighted(self) -> frozenset[str]:
        """Points at which some output shows every error in some input."""
        return frozenset(point for (point, _, _), code in self.hidden.items() if not code)

    def unseen(self, inputs: Sequence[str]) -> dict[str, str]:
        """Differentiated input -> what no point and no output shows of it; empty where everything is shown."""
        found: dict[str, str] = {}
        for name in inputs:
            codes = [set(code.split("+")) if code else set() for (_, _, i), code in self.hidden.items() if i == name]
            if codes and all(codes):
                found[name] = "+".join(sorted(set.intersection(*codes) or set.union(*codes)))
        return found


def sights(cases: Iterable[Case], progress: Callable[[int, int], None] | None = None) -> dict[str, Sight]:
    """case id -> Sight. Results are kept by content in the cache folder."""
    chosen = list(cases)
    kept = _Kept()
    found: dict[str, Sight] = {}
    for case in chosen:
        known = kept.load(case)
        if known is not None:
            found[case.id] = known
    left = [case for case in chosen if case.id not in found]
    backend: Any = None
    blindly: list[Case] = []
    for done, case in enumerate(left):
        if progress is not None:
            progress(done, len(left))
        if backend is None:
            from harness.backends.reference import Reference

            backend = Reference()
        seen = _from_reference(case, backend)
        if seen.source:
            found[case.id] = seen
            kept.store(case, seen)
        else:
            blindly.append(case)
    for case, seen in _from_frameworks(blindly):
        found[case.id] = seen
        if seen.source:
            kept.store(case, seen)
    if progress is not None and left:
        progress(len(left), len(left))
    return found


def _from_reference(case: Case, backend: Any) -> Sight:
    from harness.runs.planning import Target, plan

    hidden: dict[tuple[str, str, str], str] = {}
    differentiated = [i.name for i in case.inputs if i.differentiate]
    for point in _in_order(case):
        small = replace(case, points=(point,), order=1, derivative=())
        tasks = plan([small], [Target("reference", family="reference")], dtypes=case.dtypes[-1:], apis=())
        found = [row for task in tasks for row in backend.observe(task) if isinstance(row, Observation)]
        rows = [
            Row(r.point, r.quantity, r.output, r.input, r.data) for r in found if r.status == "ok" and r.api in _OWN
        ]
        if not rows:
            break  # no text for the reference, or one that it cannot evaluate: no point will do better
        hidden |= _judged(case, rows)
        sight = Sight(hidden, "reference")
        if len(sight.sighted) >= ENOUGH and not sight.unseen(differentiated):
            break
    return Sight(hidden, "reference" if hidden else "")


def _in_order(case: Case) -> list[Point]:
    """Generic points first, each group in the order of the case."""
    return sorted(case.points, key=lambda point: not generic(case, point))


def _from_frameworks(cases: Sequence[Case]) -> Iterator[tuple[Case, Sight]]:
    """For cases that the reference has no text for: J as torch.autograd returns it, or where that does not, jax."""
    if not cases:
        return
    from harness.runs.api import run

    names = frameworks()
    observed: dict[tuple[str, str], list[Row]] = {}
    if names:
        with tempfile.TemporaryDirectory() as folder:
            made = run(
                list(cases), backends=names, apis=(), reference=False, jobs=1, output=Path(folder) / "run",
                allow=_modules(cases), progress=False)
            frame = made.observations()
            wanted = frame[(frame["status"] == "ok") & frame["quantity"].isin(["value", "differential"])]
            for row in wanted.itertuples():
                seen = Row(str(row.point), str(row.quantity), str(row.output), str(row.input), made.array(row))
                observed.setdefault((str(row.case), str(row.backend)), []).append(seen)
    for case in cases:
        for name in names:
            hidden = _judged(case, observed.get((case.id, name), []))
            if hidden:
                yield case, Sight(hidden, name)
                break
        else:
            yield case, Sight({}, "")


def frameworks() -> list[str]:
    """The backends that can be asked here where the reference cannot tell."""
    from harness.backends import available, load, missing

    known = available()
    return [name for name in _FRAMEWORKS if name in known and not missing(load(name))]


def _modules(cases: Iterable[Case]) -> tuple[str, ...]:
    texts = [text for case in cases for text in case.function.values() if is_callable_path(text)]
    return tuple(sorted({text.strip().partition(":")[0] for text in texts}))


def _judged(case: Case, rows: Sequence[Row]) -> dict[tuple[str, str, str], str]:
    values = {(r.point, r.output): np.asarray(r.data) for r in rows if r.quantity == "value" and r.data is not None}
    kinds = {i.name: i for i in case.inputs}
    found: dict[tuple[str, str, str], str] = {}
    for row in rows:
        if row.quantity != "differential" or row.data is None or (row.point, row.output, row.input) in found:
            continue
        j, value, given = np.asarray(row.data, float), values.get((row.point, row.output)), kinds[row.input]
        n = int(np.prod(given.shape))
        in_complex = given.kind == "complex"
        if value is None or j.ndim != 2 or j.shape[1] != n * (1 + in_complex) or not j.size:
            continue
        m, out_complex = value.size, j.shape[0] == 2 * value.size
        form = Form(True, m, n, bool(out_complex), in_complex)
        found[row.point, row.output, row.input] = blindness(form, form.blocks(j.reshape(1, -1)), _TOLERANCE)[0]
    return found


@lru_cache(maxsize=1)
def _version() -> str:
    """A digest of what judges. Not of the reference: a change there that alters the signs of J would be a defect."""
    total = sha256()
    for package, name in _JUDGES:
        total.update(resources.files(package).joinpath(name).read_bytes())
    return total.hexdigest()[:16]


_JUDGES = (
    ("harness.coverage", "blindness_survey.py"), ("harness.coverage", "features.py"),
    ("harness.comparison", "blind.py"), ("harness.comparison", "value_kinds.py"),
)


class _Kept:
    """Sights by content; does nothing where there is no cache folder."""

    def __init__(self) -> None:
        base = cache_folder()
        self.folder = None if base is None else base / "sight" / _version()

    def _name(self, case: Case) -> str:
        total = sha256(repr((sorted(case.function.items()), case.dtypes, case.outputs)).encode())
        for i in case.inputs:
            total.update(repr((i.name, i.kind, i.shape, i.differentiate)).encode())
        for point in case.points:
            total.update(point.name.encode())
            for i in case.inputs:
                total.update(np.ascontiguousarray(point.arrays[i.name], concrete_dtype(i.kind, "complex128")).tobytes())
        name = total.hexdigest()
        return f"{_version()}/{name[:2]}/{name}"

    def load(self, case: Case) -> Sight | None:
        if self.folder is None:
            return None
        try:
            data = json.loads(kept.load("sight", self.folder.parent, self._name(case)) or b"")
            return Sight({(p, o, i): code for p, o, i, code in data["hidden"]}, str(data["source"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def store(self, case: Case, sight: Sight) -> None:
        if self.folder is None:
            return
        seen = {"source": sight.source, "hidden": [[*k, v] for k, v in sight.hidden.items()]}
        kept.store("sight", self.folder.parent, self._name(case), json.dumps(seen).encode())
