"""Runs made by hand: one version each, so that what changed is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.comparison.observations import _arrow
from harness.model import Case
from tests.comparison.build import Table, header


class FakeRun:
    """What history needs of an opened run."""

    def __init__(self, name: str, tables: Table, cases: Sequence[Case], **options: Any) -> None:
        names = list(dict.fromkeys(r["backend"] for r in tables.rows))
        modes = list(dict.fromkeys(r["mode"] for r in tables.rows if r["backend"] != "reference")) or ["eager"]
        self.path, self.cases, self.complete, self.notes = Path(name), tuple(cases), True, list[str]()
        self.header = header(*names, versions=tables.versions, modes=options.get("modes", modes))
        self._table = _arrow(tables.frame())

    def table(self) -> pa.Table:
        return self._table


def version(number: str) -> Table:
    """A table of observations on this release of torch."""
    return Table({"torch": number})


def truth(table: Table, j: Any, value: Any, **where: Any) -> Table:
    """What the reference writes for a smooth function: value, differential, its bound and its class."""
    j = np.asarray(j, float)
    table.add("reference", "value", value, **where)
    table.add("reference", "differential", j, api="reference", **where)
    table.add("reference", "bound", np.full(j.shape, 1e-40), api="reference", **where)
    return table.add("reference", "class", np.zeros(j.shape, np.int8), api="reference", **where)


Versions = Mapping[str, Any]
