"""The words of a comparison, each list once: verdicts in the contract's order, how bad each is, what groups them.

A verdict is decided in the order of VERDICTS (docs/columns.md). SEVERITY is another order, for people: what a report
shows first. Colours and glyphs are in harness.report.verdict_style, keyed by these words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Every verdict of the contract, in the order in which they are decided.
VERDICTS = (
    "unsupported", "error", "crash", "timeout", "branch", "value", "agree", "precision", "nonfinite", "choice",
    "gauge", "conjugate", "sign", "factor", "part", "zero", "mismatch",
)
#: Every relation of two raw results; "" where there are not two results.
RELATIONS = (
    "", "equal", "conjugate", "negated", "negated-conjugate", "factor", "real-part", "imag-part", "transposed",
    "adjoint", "none",
)
QUANTITIES = ("value", "differential", "hessian", "third", "raw")
#: Derivatives of a real loss beyond the first.
HIGHER = ("hessian", "third")
AXES = ("backend", "api", "mode", "device", "dtype", "version")

#: What a row counts as, from nothing to the worst. A known difference that is no defect (documented, taste, of the
#: formula, or merely explained) is never counted as wrong; neither is what has no right answer (kink, cut, ...).
KINDS = (
    "same", "convention", "precision", "refused", "kink", "cut", "gauge", "pole", "explained", "documented", "taste",
    "formula", "value", "undecided", "failed", "defect",
)
#: Kinds in which the sides differ and nobody is wrong.
NOBODY_WRONG = ("kink", "cut", "gauge", "pole", "explained", "documented", "taste", "formula")

VERDICT: Mapping[str, int] = {word: code for code, word in enumerate(VERDICTS)}
RELATION: Mapping[str, int] = {word: code for code, word in enumerate(RELATIONS)}

#: Verdicts by what they mean to a reader in a hurry; every verdict is in one group.
GROUP_OF: Mapping[str, str] = {
    **dict.fromkeys(("mismatch", "sign", "conjugate", "zero", "part", "factor", "nonfinite"), "wrong"),
    **dict.fromkeys(("crash", "error", "timeout"), "failed"),
    **dict.fromkeys(("branch", "choice", "gauge"), "explained"),
    "value": "value", "unsupported": "refused", "precision": "precision", "agree": "agree",
}
#: Worst first: every report and screen sorts by it.
SEVERITY = (
    "crash", "mismatch", "sign", "conjugate", "zero", "part", "factor", "nonfinite", "error", "timeout", "value",
    "unsupported", "branch", "choice", "gauge", "precision", "agree",
)
_RANK: Mapping[str, int] = {word: len(SEVERITY) - 1 - k for k, word in enumerate(SEVERITY)}
#: Where a word that this version does not know sorts: beside `value`.
_UNKNOWN_RANK = _RANK["value"]


def severity(verdict: str) -> int:
    """Larger is worse, 0 is `agree`; a verdict that is not known sorts in the middle."""
    return _RANK.get(verdict, _UNKNOWN_RANK)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts, "" of none (empty words do not count)."""
    return max((v for v in verdicts if v), key=severity, default="")
