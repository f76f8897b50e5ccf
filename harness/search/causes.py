"""Which cause a failure belongs to, and whether it is known.

A failure is a row of a comparison in which a framework is named wrong, on evidence that is not the other framework.
Rows have one cause where the framework, the blamed function, the quantity (first or second derivative, value) and the
verdict are the same; which direction, regime and dtype show it is told with it. Where no operation is blamed, the
functions of the smallest program stand for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.recorded import functions as recorded
from harness.recorded.tables import FINDINGS
from harness.recorded.tables import rows as table_rows
from harness.search.language import Program

_HARMLESS = frozenset({"agree", "precision", "branch", "choice", "gauge", "unsupported"})
_QUANTITIES = ("value", "differential", "hessian")


@dataclass(frozen=True)
class Failure:
    """One accusation. functions: portable names of what is blamed. blamed: whether the comparison named the operation
    itself; otherwise they are all functions of the program. at: the regime of the point."""

    framework: str
    functions: frozenset[str]
    quantity: str
    verdict: str
    api: str
    at: str
    evidence: str
    dtype: str
    blamed: bool

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.framework, " ".join(sorted(self.functions)), self.quantity, self.verdict

    @property
    def kind(self) -> tuple[str, str, str]:
        """What stays the same while a program is made smaller."""
        return self.framework, self.quantity, self.verdict


def failures(frame: pd.DataFrame, program: Program) -> list[Failure]:
    """The accusations of a comparison along the backend axis, each once."""
    if frame.empty:
        return []
    rows = frame[
        frame["surprising"].astype(bool) & (frame["right"].astype(str) == "reference")
        & ~frame["verdict"].astype(str).isin(_HARMLESS) & frame["quantity"].astype(str).isin(_QUANTITIES)
    ]
    out: list[Failure] = []
    for row in rows.to_dict("records"):
        framework = str(row["culprit"]).partition(".")[0]
        if framework not in ("torch", "jax"):  # nobody, both or the formula
            continue
        named = _portable(str(row.get("function") or ""), program)
        out.append(Failure(
            framework, named or program.functions, str(row["quantity"]), str(row["verdict"]), str(row["api"]),
            str(row["point"]), str(row["evidence"]), str(row["dtype"]), bool(named)))
    return list(dict.fromkeys(out))


def _portable(function: str, program: Program) -> frozenset[str]:
    """The portable names of a blamed function, in whatever words it is named."""
    if not function:
        return frozenset()
    try:
        found = frozenset(k.name for k in recorded.known(function))
    except recorded.NotKnown:
        found = frozenset({function})
    return found & program.functions or found


def is_in(failure: Failure, seen: Iterable[tuple[str, frozenset[str], str]]) -> bool:
    """Whether a failure is of a cause that was found before: the same framework and quantity, and one of its
    functions. Too wide on purpose: what is reported again is worth less than what is new."""
    return any(failure.framework == framework and failure.quantity == quantity and failure.functions & functions
               for framework, functions, quantity in seen)


def known(failure: Failure) -> list[str]:
    """Ids of recorded findings of the framework that are about one of the functions, those that fit best first."""
    spellings = {name: {s for s, p in recorded._index().items() if p == name} | {name} for name in failure.functions}
    out: list[tuple[int, str]] = []
    for row in table_rows(FINDINGS):
        if row.get("framework") != failure.framework:
            continue
        words = set((row.get("function") or "").replace(",", " ").split()) | set((row.get("cases") or "").split())
        if not any(words & own for own in spellings.values()):
            continue
        fits = (failure.quantity in (row.get("quantities") or "")) + (failure.verdict == row.get("verdict"))
        out.append((-fits, row.get("id", "")))
    return [name for _, name in sorted(out)]


def grouped(failures_of: Sequence[Failure]) -> dict[str, Any]:
    """What several rows of one cause have in common, for a record."""
    return {
        "apis": sorted({f.api for f in failures_of if f.api}), "regimes": sorted({f.at for f in failures_of}),
        "dtypes": sorted({f.dtype for f in failures_of}), "evidence": sorted({f.evidence for f in failures_of}),
    }
