"""One case at one point, in full: formula, inputs, each side's raw results, Wirtinger pair, verdicts, advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.model import Case, Point
from harness.report import text
from harness.report.advice import advice
from harness.verdicts import QUANTITIES, SEVERITY
from harness.wirtinger import wirtinger_pair

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


def show(
    case: Case,
    point: Point,
    dtype: str,
    observations: pd.DataFrame,
    comparisons: pd.DataFrame,
    array_of: Callable[[Any], np.ndarray | None],
    digits: Callable[[Case, Point, str], str] | None = None,
) -> str:
    """The page of one case at one point and dtype.

    observations, comparisons: the rows of this case, point and dtype. array_of(row): the array of an observation.
    digits: the reference's own digits, where there is a reference for this case.
    """
    size = text.width()
    lines = [f"{case.id} @ {point.name}   {dtype}   {case.place}", *_formula(case)]
    if point.note:
        lines.append(f"  note: {point.note}")
    lines += [f"  {name} = {text.array(array, 17)}" for name, array in point.arrays.items()]
    for expectation in case.expect:
        lines.append(f"  expects {' or '.join(expectation.verdict)}: {' '.join(expectation.because.split())}"
                     + (f" <{expectation.link}>" if expectation.link else ""))
    for keys, rows in observations.groupby(["backend", "environment", "device", "mode"], observed=True, sort=True):
        if keys[0] == "reference":
            continue
        lines += ["", "  ".join(map(str, keys)), *_side(case, rows, array_of)]
    reference = observations[observations["backend"].astype(str) == "reference"]
    if len(reference):
        lines += ["", "reference (arbitrary precision)", *_side(case, reference, array_of)]
        if digits is not None:
            lines += ["    " + line for line in digits(case, point, dtype).splitlines()]
    lines += ["", *_verdicts(comparisons, size)]
    return "\n".join(lines)


def _formula(case: Case) -> list[str]:
    out = []
    for family, source in case.function.items():
        head = "" if family == "portable" else f"{family}: "
        body = source.strip().splitlines()
        out.append(f"  {head}{body[0]}")
        out += [f"  {' ' * len(head)}{line}" for line in body[1:]]
    return out


def _complex_sizes(case: Case, rows: pd.DataFrame, row: Any) -> tuple[bool, bool]:
    """(output is complex, input is complex) of a differential row, from the recorded value and the case."""
    values = rows[(rows["quantity"] == "value") & (rows["output"] == row.output) & (rows["status"] == "ok")]
    out_complex = bool(len(values)) and str(values.iloc[0]["kind"]).lstrip("<>=|").startswith("c")
    kinds = {i.name: i.kind for i in case.inputs}
    return out_complex, kinds.get(row.input) == "complex"


def _pair(j: np.ndarray, out_complex: bool, in_complex: bool) -> Iterator[tuple[str, str]]:
    if not (out_complex or in_complex):
        yield "df/dx", text.array(_diagonal(j)[0]) + _diagonal(j)[1]
        return
    dz, dzbar = wirtinger_pair(j, out_complex, in_complex)
    both = np.stack([dz, dzbar])
    for name, part in zip(("df/dz", "df/dz*"), both, strict=True):
        shown, how = _diagonal(part)
        yield name, text.array(shown) + how


def _diagonal(matrix: np.ndarray) -> tuple[np.ndarray, str]:
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.shape[0] > 1
    if square and not (matrix - np.diag(np.diag(matrix)) != 0).any():
        return np.diag(matrix), "  (diagonal)"
    return matrix, ""


def _side(case: Case, rows: pd.DataFrame, array_of: Callable[[Any], np.ndarray | None]) -> list[str]:
    lines: list[tuple[str, str]] = []
    order = {word: k for k, word in enumerate(QUANTITIES)}
    for row in sorted(rows.itertuples(index=False), key=lambda r: (order.get(str(r.quantity), 9), r.api, r.input)):
        label = _label(row)
        if row.status != "ok":
            lines.append((label, f"{row.status}: {row.error}: {text.clip(str(row.message), 400)}".replace(": :", ":")))
            continue
        array = array_of(row)
        if array is None or str(row.quantity) not in order:
            continue
        if row.quantity == "differential":
            out_complex, in_complex = _complex_sizes(case, rows, row)
            lines += [(f"{label} {name}", shown) for name, shown in _pair(array, out_complex, in_complex)]
        else:
            lines.append((label, text.array(array)))
    width = min(44, max((len(label) for label, _ in lines), default=0))
    return [f"  {label.ljust(width)}  {body}" for label, body in lines]


def _label(row: Any) -> str:
    where = f" {row.input}" if row.input else ""
    where += f" -> {row.output}" if row.output and row.output != "out" else ""
    return f"{'value' if row.quantity == 'value' else row.api}{where}"


def _verdicts(frame: pd.DataFrame, size: int) -> list[str]:
    if frame.empty:
        return ["no comparison"]
    rows = sorted(
        ({str(k): v for k, v in r.items()} for r in frame.to_dict("records")),
        key=lambda r: (SEVERITY.index(str(r["verdict"])), str(r["left"]), str(r["right"]), str(r["api"])),
    )
    cells: list[list[str]] = []
    told: dict[str, None] = {}
    for row in rows:
        detail = f"{row['max_rel']:.2g}" if row["max_rel"] == row["max_rel"] else ""
        who = f"{row['culprit']} ({row['evidence']})" if row["culprit"] else ""
        cells.append([
            str(row["verdict"]), str(row["relation"]), f"{row['left']} ~ {row['right']}",
            str(row["api"]) if row["quantity"] != "value" else "value", str(row["input"]), who, detail,
            str(row["blind"]), str(row["note"] or row["expected"] or ""),
        ])
        told.setdefault(advice(row), None)
    head = ["verdict", "relation", "sides", "api", "input", "culprit", "max rel", "blind to", "note"]
    keep = [k for k, name in enumerate(head) if name in ("verdict", "sides", "api") or any(c[k] for c in cells)]
    body = text.table([head[k] for k in keep], [[c[k] for k in keep] for c in cells], size)
    return [body, "", *(f"* {line}" for line in told)]
