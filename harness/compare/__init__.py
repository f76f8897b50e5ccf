"""Comparing recorded observations along one axis: pairs, verdicts, relations, blindness, culprits, expectations.

NumPy, pandas and Arrow only; nothing here imports a framework or computes a derivative.
"""

from harness._callable import make_callable
from harness.compare.api import compare, compare_tables
from harness.compare.batch import RELATIONS, VERDICTS
from harness.compare.errors import CompareError
from harness.compare.frame import COLUMNS, Comparison
from harness.compare.onepair import Judgement, judge
from harness.compare.pairs import AXES
from harness.compare.tolerance import Tolerances, tolerances

__all__ = [
    "AXES", "COLUMNS", "RELATIONS", "VERDICTS", "CompareError", "Comparison", "Judgement", "Tolerances", "compare",
    "compare_tables", "judge", "tolerances",
]  # fmt: skip

make_callable(__name__)
