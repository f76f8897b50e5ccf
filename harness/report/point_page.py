"""One case at one point, the answer first: who is wrong, since when, what to do, the numbers side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats import DTYPES
from harness.model import Case, Point
from harness.report import text
from harness.report.advice import advice
from harness.report.causes import Defect, defects, release, upstream
from harness.report.verdict_style import STYLES
from harness.wirtinger import wirtinger_pair

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
ArrayOf = Callable[[Any], "Array | None"]

_ENTRIES = 8  # rows of the table
_SMALL = 1000  # ulps up to which a number is told by its distance
_PREFERRED = ("pullback", "forward-over-reverse", "reverse-over-reverse", "pushforward")
_NOBODY = {
    "kink": "a kink: each side is a valid generalised derivative",
    "cut": "a branch cut: each side follows another limit",
    "gauge": "the result depends on a free phase, sign or basis", "pole": "a pole: there is no derivative here",
}


@dataclass(frozen=True)
class Table:
    """The numbers of one quantity: what it is, the truth, the sides; names: what its entries are called."""

    what: str
    names: tuple[str, ...]
    right: Array | None
    sides: tuple[tuple[str, Array], ...]


def point_page(
    run_path: str, case: Case, point: Point, dtype: str, observations: pd.DataFrame, comparisons: pd.DataFrame,
    array_of: ArrayOf, size: int = 80,
) -> str:
    """The page. observations, comparisons: the rows of this case, point and dtype; array_of(row): its array."""
    place = f"{case.id}@{point.name}"
    inputs = "  ".join(f"{n} = {text.array(a, 6, 6)}" for n, a in point.arrays.items())
    lines = [_cut(f"{case.id} @ {point.name}   {dtype}   {inputs}", size), ""]
    found = defects(comparisons)
    lines += _answer(found, comparisons, case, size)
    if found:
        lines += [f"   proof  harness repro {run_path} {place}"]
    table = _numbers(case, observations, comparisons, found, array_of)
    if table is not None and table.sides:
        lines += ["", *_table(table, dtype, size)]
    refused = int((comparisons["kind"] == "refused").sum())
    rest = f"{len(comparisons):,} comparisons" + (f", {refused:,} of them refused by a side" if refused else "")
    lines += ["", f"   {rest}: --all prints them"]
    return "\n".join(lines)


def _cut(line: str, size: int) -> str:
    return line if len(line) <= size else line[: size - 1].rstrip() + "…"


def _said(label: str, words: str, size: int) -> list[str]:
    """A label and its words, wrapped beside it."""
    return textwrap.wrap(words, size, initial_indent=f"   {label:<7}", subsequent_indent=" " * 10,
                         break_long_words=False, break_on_hyphens=False)


def _answer(found: Sequence[Defect], frame: pd.DataFrame, case: Case, size: int) -> list[str]:
    """The verdict, and of each defect the cause, since when, what to do."""
    if not found:
        return _calm(frame, size)
    lines = []
    for defect in found:
        style = STYLES.get(defect.verdict, STYLES["mismatch"])
        rows = frame[frame["culprit"].astype(str).str.startswith(defect.framework) & (frame["kind"] == "defect")]
        evidence = ", ".join(sorted({str(e) for e in rows["evidence"]} - {""}))
        lines.append(_cut(f" {style.symbol} {defect.framework} is wrong: {defect.what}   ({evidence})", size))
        lines += _said("cause", f"{defect.cause}: {defect.sentence}" if defect.cause else defect.sentence, size)
        if defect.since:
            again = f"right again in {release(defect.fixed)}"
            ends = again if defect.fixed else "no recorded release is right"
            lines += _said("since", f"{defect.framework} {release(defect.since)}; {ends}", size)
        if defect.link:
            lines += _said("link", upstream(defect.link) + f"   {defect.link}", size)
        first = rows[rows["quantity"].astype(str) != "raw"]
        row = {str(k): v for k, v in (first if len(first) else rows).sort_values("verdict").iloc[-1].items()}
        todo = f"upgrade to {defect.framework} >= {release(defect.fixed)}. " if defect.fixed else ""
        lines += _said("do", todo + advice(row), size)
    return lines


def _calm(frame: pd.DataFrame, size: int) -> list[str]:
    """Where nobody is wrong: why they differ, or that they do not."""
    compared = frame[~frame["kind"].isin(["refused"])]
    if compared.empty:
        return [" ⊘ nothing to compare: one side refuses, or has no such function"]
    row = compared.sort_values("kind", kind="stable").iloc[-1]
    kind = str(row["kind"])
    told = {str(k): v for k, v in row.items()}
    if kind in ("same", "convention", "precision"):
        lines = [" ✓ the same derivative on all sides"]
        raw = compared[(compared["kind"] == "convention") & (compared["axis"] == "backend")]
        if len(raw):
            lines += _said("write", advice({str(k): v for k, v in raw.iloc[0].items()}), size)
        return lines
    if kind in ("undecided", "failed", "value"):
        head = {"undecided": " ? they differ, and no evidence says who is wrong",
                "failed": " ! a side fails", "value": " ≢ the values differ: two functions under one name"}[kind]
        return [head, *_said("note", str(row["note"]), size), *_said("do", advice(told), size)]
    why = str(row["expected"]).partition(" (http")[0] or _NOBODY.get(kind, str(row["note"]))
    lines = _said("", why, size)
    lines[0] = f" ∨ they differ and nobody is wrong ({kind})\n" + lines[0]
    if row["cause"]:
        lines += _said("cause", str(row["cause"]), size)
    return [*"\n".join(lines).split("\n"), *_said("do", advice({**told, "culprit": ""}), size)]


# -- the numbers -------------------------------------------------------------------------------------------------------


def _numbers(
    case: Case, seen: pd.DataFrame, frame: pd.DataFrame, found: Sequence[Defect], array_of: ArrayOf
) -> Table | None:
    """What is wrong, or else the first derivative by the first input; None where no side has numbers."""
    accused = frame[(frame["kind"] == "defect") & (frame["quantity"].astype(str) != "raw")] if found else frame[:0]
    if len(accused):
        row = accused.sort_values("verdict", kind="stable").iloc[-1]
        wanted = tuple(str(row[n]) for n in ("quantity", "api", "input", "output"))
    else:
        rows = seen[(seen["quantity"] == "differential") & (seen["status"] == "ok")]
        if rows.empty:
            return None
        seen_here: list[Any] = list(rows.itertuples())
        row = min(seen_here, key=lambda r: (_PREFERRED.index(r.api) if r.api in _PREFERRED else 9))
        wanted = "differential", str(row.api), str(row.input), str(row.output)
    quantity, api, name, output = wanted
    api = api.partition(" | ")[0]
    here = seen[(seen["quantity"] == quantity) & (seen["status"] == "ok") & (seen["output"] == output)]
    here = here[here["input"] == name]
    truths = here[here["backend"] == "reference"]
    truths = truths.assign(rank=(truths["api"] != "closed-form")).sort_values("rank", kind="stable")
    shapes = {"in": next((i.kind == "complex" for i in case.inputs if i.name == name), False)}
    values = seen[(seen["quantity"] == "value") & (seen["status"] == "ok") & (seen["output"] == output)]
    shapes["out"] = bool(len(values)) and "c" in str(values.iloc[0]["kind"])
    right = _entries(array_of(truths.iloc[0]), quantity, shapes) if len(truths) else None
    sides: dict[bytes, tuple[list[str], Array]] = {}
    for entry in here[(here["backend"] != "reference") & (here["api"] == api)].itertuples():
        numbers = _entries(array_of(entry), quantity, shapes)
        if numbers is not None and (right is None or numbers.shape == right.shape):
            sides.setdefault(numbers.tobytes(), ([], numbers))[0].append(str(entry.backend))
    what = {"differential": _derivative(shapes), "hessian": "second derivative",
            "third": "third derivative", "value": "value"}[quantity]
    told = f"{what} by {name}" if name else what
    told += f" ({api})" if api else ""
    count = next((numbers.size for _, numbers in sides.values()), 0)
    listed = tuple((", ".join(dict.fromkeys(names)), numbers) for names, numbers in sides.values())
    return Table(told, _names(what, count), right, listed)


def _names(what: str, count: int) -> tuple[str, ...]:
    """What the entries are called: "df/dz [0]", ..., "df/dz* [0]", ...; of one quantity by number alone."""
    if " and " not in what:
        return tuple(f"[{k}]" for k in range(count))
    return tuple(f"{part} [{k}]" for part in what.split(" and ") for k in range(count // 2))


def _derivative(shapes: Mapping[str, bool]) -> str:
    return "df/dz and df/dz*" if shapes["in"] or shapes["out"] else "df/dx"


def _entries(array: Array | None, quantity: str, shapes: Mapping[str, bool]) -> Array | None:
    """The numbers of a row as a list: of a derivative df/dz, then df/dz*, without what is 0 off a diagonal."""
    if array is None:
        return None
    if quantity != "differential":
        return np.asarray(array).reshape(-1)
    if not (shapes["in"] or shapes["out"]):
        return _own(np.asarray(array))
    pair = wirtinger_pair(np.asarray(array), shapes["out"], shapes["in"])
    return np.concatenate([_own(part) for part in pair])


def _own(matrix: Array) -> Array:
    """The diagonal of what is diagonal by its shape, all entries of anything else."""
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    off = matrix[~np.eye(len(matrix), dtype=bool)] if square else matrix
    return np.diag(matrix).copy() if square and not (off != 0).any() else matrix.reshape(-1)


def _ulps(numbers: Array, right: Array, dtype: str, paired: bool) -> Array:
    """The distance of each number in units in the last place of the truth, the worse of its two parts.

    paired: df/dz, then df/dz*, whose scale is that of the two together (docs/columns.md).
    """
    form = DTYPES[dtype]
    with np.errstate(all="ignore"):
        size = np.abs(right)
        if paired:
            size = np.tile(size.reshape(2, -1).max(axis=0), 2)
        unit = form.spacing(np.maximum(size, form.tiny))
        apart = np.maximum(np.abs(numbers.real - right.real), np.abs(numbers.imag - right.imag))
        return np.asarray(np.where((numbers == right) | (np.isnan(numbers) & np.isnan(right)), 0.0, apart / unit))


def _table(table: Table, dtype: str, size: int) -> list[str]:
    count = len(table.names)
    paired = " and " in table.what
    right = table.right if table.right is not None and table.right.size == count else None
    sides = [side for _, side in table.sides]
    off = [_ulps(s, right, dtype, paired) if right is not None else np.zeros(count) for s in sides]
    alive = _alive(sides, right, off)
    shown, rest = _chosen(alive, off)
    head = ["", *(["right"] if right is not None else []), *(label for label, _ in table.sides)]
    made: list[str] = []
    for digits in (9, 7, 5):
        rows = []
        for k in shown:
            truth = None if right is None or _none(right[k], table) else right[k]
            cells = [_against(s[k], truth, float(o[k]), _unit(truth, dtype), digits)
                     for s, o in zip(sides, off, strict=True)]
            told = [] if right is None else ["none" if truth is None else text.number(truth.item(), digits)]
            rows.append([table.names[k], *told, *cells])
        made = text.table(head, rows, size - 3).splitlines()
        if not any("…" in line for line in made[1:]):
            break
    lines = [f"   {table.what}" + ("" if right is not None else ", without a right value")]
    lines += [f"   {line}" for line in made]
    if paired and not alive[count // 2 :].any():
        lines.append("   df/dz* = 0 on all sides, but for rounding")
    return [*lines, *([f"   … {rest:,} more entries, none of them worse"] if rest else [])]


def _none(truth: Any, table: Table) -> bool:
    """Whether the truth is that there is no derivative, which no number of a side is right or wrong against."""
    return bool(np.isnan(truth)) and not table.what.startswith("value")


def _unit(truth: Any, dtype: str) -> float:
    """A few units in the last place of a number: what is not worth a sign of its own."""
    return 0.0 if truth is None else float(DTYPES[dtype].roundings * DTYPES[dtype].eps * np.abs(truth))


def _alive(sides: Sequence[Array], right: Array | None, off: Sequence[Array]) -> Array:
    """The entries that are worth a line: not those that are 0 on all sides but for rounding."""
    parts = [right] if right is not None else list(sides)
    far = np.nan_to_num(np.max(off, axis=0), nan=np.inf)
    return np.asarray(np.any([part != 0 for part in parts], axis=0) | (far > _SMALL))


def _chosen(alive: Array, off: Sequence[Array]) -> tuple[list[int], int]:
    """(the worst entries in their order, how many more there are)."""
    far = np.nan_to_num(np.max(off, axis=0), nan=np.inf)
    order = [int(k) for k in np.lexsort((np.arange(alive.size), -far)) if alive[k]] or [0]
    return sorted(order[:_ENTRIES]), max(0, len(order) - _ENTRIES)


def _against(got: Any, right: Any, far: float, small: float, digits: int) -> str:
    """A number as it stands against the right one: its distance where that is small, a sign where it is flipped."""
    number = text.number(got.item(), digits)
    if right is None:
        return number
    if far <= _SMALL:
        return f"✓ {far:.0f} ulp"
    if abs(got + right) <= small:
        return f"± {number}"
    if abs(got - np.conj(right)) <= small:
        return f"∗ {number}"
    return f"≠ {number}"
