"""Runs made at different times, laid next to each other: the same cases, the same points, and where evidence is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.comparison.targets import REFERENCE, Target, targets_of
from harness.model import Case
from harness.selection import Selection, families


@dataclass(frozen=True)
class Aligned:
    """Runs that speak of the same questions.

    tables, headers, names, complete: one of each a run. cases: by id. notes: sentences about what was left out.
    """

    tables: list[pa.Table]
    headers: list[Mapping[str, Any]]
    cases: dict[str, Case]
    names: list[str]
    complete: list[bool]
    notes: list[str]

    def targets(self) -> list[Target]:
        """Every target that was observed, in the order of the runs."""
        return [t for k, h in enumerate(self.headers) for t in targets_of(h, k, self.names[k])]


def align(runs: Sequence[Any], select: Sequence[str] | str | None = None) -> Aligned:
    """Opened runs without the points at which they were asked different things.

    A point counts as the same where the function's texts, the inputs, and the point's arrays are the same to the bit.
    """
    seen: dict[tuple[str, str], str] = {}
    different: set[tuple[str, str]] = set()
    cases: dict[str, Case] = {}
    for run in runs:
        for case in run.cases:
            known = cases.setdefault(case.id, case)
            if len(case.points) > len(known.points):
                cases[case.id] = case
            for point, digest in _digests(case).items():
                if seen.setdefault((case.id, point), digest) != digest:
                    different.add((case.id, point))
    notes = []
    if different:
        names = sorted({case for case, _ in different})
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        notes.append(f"{len(different)} points of {len(names)} cases are not the same in all runs: left out ({shown})")
    notes += [note for run in runs for note in run.notes]
    selection = Selection(select)
    selection.demand(cases.values(), " in these runs")
    tables = [_kept(run.table(), different, selection, cases) for run in runs]
    return Aligned(tables, [run.header for run in runs], cases, _names(runs), [bool(r.complete) for r in runs], notes)


def _names(runs: Sequence[Any]) -> list[str]:
    """A name for each run that no other has: its folder's, with its number where two are alike."""
    names = [str(getattr(getattr(run, "path", None), "name", "run")) for run in runs]
    return [name if names.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(names)]


def _digests(case: Case) -> dict[str, str]:
    """Digest of what is computed at each point of a case: texts, inputs, order and arrays."""
    head = [sorted(case.function.items()), [(i.name, i.kind, list(i.shape), i.differentiate) for i in case.inputs]]
    shared = hashlib.sha256(json.dumps(head).encode())
    out = {}
    for point in case.points:
        own = shared.copy()
        own.update(point.layout.encode())
        for name, array in point.arrays.items():
            own.update(f"{name} {array.dtype} {array.shape}".encode())
            own.update(np.ascontiguousarray(array).tobytes())
        out[point.name] = own.hexdigest()
    return out


def _kept(
    table: pa.Table, different: Iterable[tuple[str, str]], selection: Selection, cases: Mapping[str, Case]
) -> pa.Table:
    """Rows of a table without the points left out, and of the points selected."""
    different = set(different)
    if not different and not selection:
        return table
    frame = table.select(["case", "point"]).to_pandas()
    places = frame.groupby(["case", "point"], observed=True).indices
    family = families(cases.values())
    keep = np.ones(table.num_rows, bool)
    for (case, point), rows in places.items():
        keep[rows] = (case, point) not in different and selection.matches(case, point, family.get(case, ""))
    return table.filter(pa.array(keep))


def only(table: pa.Table, backends: Sequence[str]) -> pa.Table:
    """The rows of some backends."""
    words = pa.array(list(backends), pa.string())
    return table.filter(pc.is_in(table.column("backend").cast(pa.string()), value_set=words))


def has_reference(header: Mapping[str, Any]) -> bool:
    """Whether the reference observed in the run with this header."""
    return any(t["backend"] == REFERENCE and not t.get("failed") for t in header.get("targets", ()))
