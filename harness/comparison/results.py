"""What has been decided about pairs, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.comparison.batch import Judged
from harness.comparison.value_kinds import Array


@dataclass
class Results:
    """One entry a pair; verdict -1 where nothing has been decided yet."""

    verdict: Array
    relation: Array
    factor: Array
    max_abs: Array
    max_rel: Array
    ulp: Array
    blind: Array  # object: str
    note: Array  # object: str
    lost: Array  # bool: both sides hold NaN or infinity in one place
    formula: Array  # bool: the values differ as the rounding of the text makes them differ

    @classmethod
    def empty(cls, count: int) -> Results:
        sizes = [np.full(count, np.nan) for _ in range(4)]
        texts = [np.full(count, "", dtype=object) for _ in range(2)]
        flags = [np.zeros(count, bool) for _ in range(2)]
        return cls(np.full(count, -1, np.int8), np.zeros(count, np.int8), *sizes, *texts, *flags)

    def put(self, at: Array, judged: Judged) -> None:
        self.verdict[at], self.relation[at] = judged.verdict, judged.relation
        self.factor[at], self.max_abs[at] = judged.factor, judged.max_abs
        self.max_rel[at], self.ulp[at] = judged.max_rel, judged.ulp
        self.note[at] = judged.note
