"""Where functions have kinks, cuts and poles, from a recorded run: what `harness known` tells of them.

    python -m tests.bench.singular RUN --output results/singular.csv

Of every function that a case calls alone. The class of a point is what the reference recorded there by looking at the
function from all sides (harness.reference.singular); whether torch and JAX give the same there is the comparison's
verdict. Nothing is inferred from a name.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.api import compare, open_run
from harness.comparison.operation import _operations
from harness.expr.spelling import table
from harness.model import Case
from harness.reference.singular import CUT, KINK, POLE
from harness.runs import Run

KINDS = {KINK: "kink", CUT: "cut", POLE: "pole"}
COLUMNS = ("function", "kind", "at", "between", "place")
#: Places of one kind that are told of a function, the shortest to write first.
_MOST = 4
_SAME = ("agree", "precision")


def function_of(case: Case) -> str:
    """The portable function that is all of a case's text, "" where there is more to it."""
    text = case.function.get("portable")
    found = _operations(text) if text else ()
    return found[0] if len(found) == 1 and found[0] in table() else ""


def rows(run: Run) -> list[dict[str, str]]:
    """One row for each function, kind and place, in the order of COLUMNS."""
    cases = {case.id: case for case in run.cases if function_of(case)}
    between = _between(run)
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name, point, classes in _classes(run):
        if name not in cases:
            continue
        case = cases[name]
        for code, kind in KINDS.items():
            if (classes == code).any():
                at = _at(case, point, classes, code)
                row = {"function": function_of(case), "kind": kind, "at": at,
                       "between": between.get((name, point), ""), "place": f"{name}@{point}"}
                found.setdefault((row["function"], kind), {}).setdefault(at, row)
    return [row for key in sorted(found)
            for row in sorted(found[key].values(), key=lambda r: (len(r["at"]), r["at"], r["place"]))[:_MOST]]


def _classes(run: Run) -> Iterable[tuple[str, str, Any]]:
    """(case, point, classes of the entries of J) of the first order, in double precision."""
    seen = run.table()
    word = {c: seen.column(c).cast(pa.string()) for c in ("quantity", "api", "case", "point", "dtype")}
    mask = pc.and_(pc.equal(word["quantity"], "class"), pc.equal(word["api"], "reference"))
    mask = pc.and_(mask, pc.is_in(word["dtype"], value_set=pa.array(["complex128", "float64"])))
    for k in np.flatnonzero(np.array(mask.to_numpy(), bool)).tolist():
        yield word["case"][k].as_py(), word["point"][k].as_py(), run.array(k)


def _between(run: Run) -> dict[tuple[str, str], str]:
    """(case, point) -> "same" where torch and JAX give one derivative there, "differ" where they do not."""
    frame = compare(run, "backend")
    frame = frame[(frame["quantity"] == "differential") & frame["left_backend"].astype(str).str.startswith("torch")
                  & (frame["right_backend"] == "jax") & (frame["verdict"] != "unsupported")]
    same = frame["verdict"].isin(_SAME).groupby([frame["case"].astype(str), frame["point"].astype(str)]).all()
    return {(str(c), str(p)): "same" if all_same else "differ" for (c, p), all_same in same.items()}


def _at(case: Case, point: str, classes: Any, code: int) -> str:
    """The numbers at which an entry has a class: "z = -2" where they are few, else the name of the point."""
    arrays = next(p.arrays for p in case.points if p.name == point)
    inputs = [i for i in case.inputs if i.differentiate]
    sizes = {int(np.prod(i.shape, dtype=int)) for i in inputs}
    column = int(np.flatnonzero((classes == code).any(axis=0))[0])
    if len(sizes) == 1 and _is_diagonal(classes, size := sizes.pop()):
        return ", ".join(f"{i.name} = {_number(arrays[i.name].reshape(-1)[column % size])}" for i in inputs)
    return f"the point {point}"


def _is_diagonal(classes: Any, size: int) -> bool:
    """Whether what is singular is one number each: entry k of the output by entry k of the input."""
    rows, columns = np.nonzero(classes)
    return size > 0 and not any(n % size for n in classes.shape) and bool((rows % size == columns % size).all())


def _number(value: Any) -> str:
    """A number in few characters; a part that is zero is left out, whatever its sign."""
    z = complex(value)
    if z.imag == 0 or (np.isinf(z.real) and not np.isfinite(z.imag)):
        return f"{z.real + 0.0:g}"
    return f"{z.imag:g}j" if z.real == 0 else f"{z:g}"


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run folder, recorded with the reference")
    parser.add_argument("--output", required=True, metavar="FILE")
    args = parser.parse_args(words)
    found = rows(open_run(args.run))
    with Path(args.output).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
