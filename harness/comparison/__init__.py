"""Comparing recorded observations along one axis: pairs, verdicts, relations, blindness, culprits, expectations.

NumPy, pandas and Arrow only; nothing here imports a framework or computes a derivative.
"""

from harness.comparison.api import compare, compare_tables
from harness.comparison.errors import CompareError
from harness.comparison.frame import COLUMNS, Comparison
from harness.comparison.judge import Judgement, judge
from harness.comparison.tolerance import Tolerances, tolerances
from harness.verdicts import AXES, RELATIONS, VERDICTS

__all__ = [
    "AXES", "COLUMNS", "RELATIONS", "VERDICTS", "CompareError", "Comparison", "Judgement", "Tolerances", "compare",
    "compare_tables", "judge", "tolerances",
]
