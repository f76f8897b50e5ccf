"""Kinks, cuts and poles that `harness known` tells of: as mathematics has them, and read off a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import harness
from harness.model import Case, Input, Point
from harness.recorded.functions import known
from tests.bench.singular import function_of, rows
from tests.in_process import InProcess

#: By definition: |x| and relu bend at 0; principal branches of log, sqrt and arccosh are cut along the real axis up to
#: 0 (to 1 for arccosh); log and sqrt have no derivative at 0, 1/z none either.
TRUE = {
    "abs": {"kink": {"x = 0", "z = 0"}}, "relu": {"kink": {"x = 0"}}, "log": {"pole": {"z = 0"}},
    "sqrt": {"pole": {"z = 0"}}, "arccosh": {"cut": {"z = 0.5"}, "pole": {"z = 1", "z = -1"}},
}


@pytest.mark.parametrize("name", TRUE)
def test_the_committed_table_has_what_mathematics_has(name: str) -> None:
    (found,) = known(name)
    for kind, places in TRUE[name].items():
        assert places <= {s.at for s in found.singular if s.kind == kind}


@pytest.mark.parametrize("name", ["log", "sqrt"])
def test_cuts_of_principal_branches_lie_on_the_negative_axis(name: str) -> None:
    cuts = [float(s.at.removeprefix("z = ")) for s in known(name)[0].singular if s.kind == "cut"]
    assert cuts and max(cuts) < 0


@pytest.mark.parametrize("name", ["exp", "sin", "cosh", "multiply"])
def test_an_entire_function_has_none(name: str) -> None:
    assert not known(name)[0].singular


def test_the_table_is_read_off_a_run(tmp_path: Path) -> None:
    z = Input("z", "complex", (2,))
    points = (Point("generic", {"z": np.array([1 + 1j, 2j])}), Point("zero", {"z": np.array([1 + 1j, 0])}))
    cases = [Case(name, {"portable": text}, (z,), points, ("complex128",))
             for name, text in (("modulus", "abs(z)"), ("inverse", "reciprocal(z)"), ("both", "abs(z) * exp(z)"))]
    assert [function_of(c) for c in cases] == ["abs", "reciprocal", ""]
    run = harness.run(cases, backends=["reference"], output=tmp_path / "run", executor=InProcess(), progress=False)
    assert [tuple(row.values()) for row in rows(run)] == [
        ("abs", "kink", "z = 0", "", "modulus@zero"), ("reciprocal", "pole", "z = 0", "", "inverse@zero")]
