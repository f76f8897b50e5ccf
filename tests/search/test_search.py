"""Programs are of the grammar; a hunt shrinks, repeats itself, continues, and survives; nobody is accused unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings

from harness import expr
from harness.cases import load, to_json
from harness.model import CaseError, Source
from harness.search import causes, pages, supervise
from harness.search.causes import Failure
from harness.search.hunt import CURRENT, FOUND, STATE, Hunt, written
from harness.search.language import REGIMES, RULES, Program, programs


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(programs(4, modes=("", "vmap")))
def test_programs_are_of_the_grammar_and_of_their_kinds(program: Program) -> None:
    case = program.case()
    expr.check(Source("portable", program.text), tuple(i.name for i in case.inputs), "portable")
    assert set(program.points) == set(REGIMES) and 1 <= program.operations <= 4
    for point in case.points:
        for i in case.inputs:
            assert point.arrays[i.name].shape == i.shape
            assert np.iscomplexobj(point.arrays[i.name]) == (i.kind == "complex")
    assert case.dtypes[0].startswith("complex") == any(i.kind == "complex" for i in case.inputs)


def test_every_rule_can_be_read() -> None:
    names = ("p", "q")
    for rule in RULES:
        used = names[: len(rule.arguments)]
        expr.check(Source("portable", rule.text.format(*used)), used, "portable")


def test_a_rule_is_about_what_may_be_wrong_in_it() -> None:
    """Two causes are one where they share a function: a wrapper is in everything, and an operator has a name too."""
    names = {rule.text: rule.name for rule in RULES}
    assert names["sum(svdvals({0}))"] == "svdvals" and names["sum({0})"] == "sum" and names["({0} + {1})"] == ""
    assert names["{0} ** 3"] == "power" and names["({0} / {1})"] == "divide" and names["({0} @ {1})"] == "matmul"
    assert names["cholesky({0} @ adjoint({0}) + eye(2))"] == "cholesky"


def test_a_case_is_written_to_the_bit(tmp_path: Path) -> None:
    arrays = {"z": np.array([complex(-0.0, 0.0), complex(1e-300, -0.0), complex(0.1, -2.0)]), "x": np.array(-0.0)}
    program = Program("z * x", {"z": "cv", "x": "rs"}, {"ordinary": arrays, "extreme": arrays}, frozenset(), 1)
    (tmp_path / "found.yaml").write_text(written(program))
    (case,) = load([tmp_path / "found.yaml"])
    for name, array in arrays.items():
        got = case.points[0].arrays[name]
        assert got.tobytes() == array.tobytes() and got.shape == array.shape


def _fails(program: Program) -> list[Failure]:
    """A framework that would be wrong about tanh of complex numbers, and about the determinant."""
    told = []
    for name in ("tanh", "det"):
        if name in program.functions and any(t[0] == "c" for t in program.inputs.values()):
            told.append(Failure("jax", frozenset({name}), "differential", "sign", "pullback", "extreme", "reference",
                                "complex128", True))
    return told


@pytest.fixture
def hunt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Hunt, "judged", lambda self, program: _fails(program))
    monkeypatch.setattr(Hunt, "_confirmed", lambda self, program, failure: ("print('so')", "so", "confirmed"))
    return lambda name, seed=3: Hunt(tmp_path / name, seed)


def test_a_failure_arrives_as_the_smallest_program_once_a_cause(hunt: Any) -> None:
    found = hunt("one").go(600, rounds=8)
    assert sorted(f.functions for f in found) == [["det"], ["tanh"]]
    for f in found:
        assert f.text.count("(") <= 2 and f.status == "confirmed"
        (entry,) = yaml.safe_load(f.yaml)["cases"]
        assert entry["function"] == f.text and next(iter(entry["points"])) == "extreme"


def test_the_same_seed_finds_the_same_things_also_when_continued(hunt: Any) -> None:
    whole = [(f.text, f.round, f.yaml) for f in hunt("whole").go(600, rounds=5)]
    hunt("cut").go(600, rounds=2)
    continued = hunt("cut")
    assert continued.round == 2
    assert [(f.text, f.round, f.yaml) for f in continued.go(600, rounds=5)] == whole and whole
    with pytest.raises(CaseError, match="seed 3"):
        hunt("cut", 4)


def test_only_what_names_a_framework_on_evidence_is_a_failure() -> None:
    row = {"surprising": True, "right": "reference", "verdict": "sign", "quantity": "differential", "culprit": "jax",
           "api": "pullback", "point": "ordinary", "evidence": "reference", "dtype": "complex128", "function": ""}
    program = Program("exp(tanh(z))", {"z": "cv"}, {}, frozenset({"exp", "tanh"}), 2)
    others = [{"right": "torch.func"}, {"culprit": "formula"}, {"culprit": ""}, {"culprit": "both"},
              {"verdict": "choice"}, {"verdict": "branch"}, {"verdict": "precision"}, {"surprising": False},
              {"quantity": "raw"}]
    told = causes.failures(pd.DataFrame([row, *({**row, **o} for o in others)]), program)
    assert [f.functions for f in told] == [program.functions] and not told[0].blamed
    (blamed,) = causes.failures(pd.DataFrame([{**row, "function": "jax.numpy.tanh"}]), program)
    assert blamed.functions == {"tanh"} and blamed.blamed


def test_a_known_cause_is_recognised() -> None:
    wrong = Failure("jax", frozenset({"arccosh"}), "differential", "sign", "pullback", "ordinary", "reference",
                    "complex128", True)
    assert causes.known(wrong)[0] == "jax-arccosh"
    assert causes.known(Failure("jax", frozenset({"exp"}), "differential", "sign", "", "", "", "", True)) == []


def test_several_operations_and_none_blamed_accuse_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def together(self: Hunt, program: Program) -> list[Failure]:
        if {"log", "exp"} & program.functions and program.operations > 1:
            return [Failure("torch", program.functions, "differential", "zero", "pullback", "ordinary", "reference",
                            "complex128", False)]
        return []

    monkeypatch.setattr(Hunt, "judged", together)
    found = Hunt(tmp_path / "hunt", 1).go(600, rounds=12)
    assert found and {f.status for f in found} == {"unattributed"}
    assert pages.reported(found) == [] and "nobody is accused" in pages.summary(found, {})


def test_a_process_that_dies_is_a_finding_and_the_hunt_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program("det(a)", {"a": "cm"}, {"ordinary": {"a": np.eye(2, dtype=complex)}}, frozenset({"det"}), 1)
    statuses = [-11, 0]

    def watched(folder: Path, *rest: Any) -> int:
        if len(statuses) == 2:
            (folder / CURRENT).write_text(json.dumps({"case": to_json(program.case()), "mode": "vmap"}))
            (folder / STATE).write_text(json.dumps({"seed": 0, "round": 5, "programs": 9, "seconds": 1.0}))
        return statuses.pop(0)

    monkeypatch.setattr(supervise, "_watched", watched)
    (found,) = supervise.hunt(tmp_path, 100, 0)
    assert (found.status, found.text, found.mode, found.said) == ("crash", "det(a)", "vmap", "killed by SIGSEGV")
    assert json.loads((tmp_path / STATE).read_text())["round"] == 6 and statuses == []
    assert len((tmp_path / FOUND).read_text().splitlines()) == 1


def test_a_real_defect_is_judged_in_this_process(tmp_path: Path) -> None:
    """jax's arccosh has the wrong sign in the left half plane on the pinned set; exp is right."""
    z = {"ordinary": {"z": np.array([-2 + 1j, -1 - 0.5j, -0.5 + 2j])}}
    hunt = Hunt(tmp_path, 0)
    told = hunt.judged(Program("arccosh(z)", {"z": "cv"}, z, frozenset({"arccosh"}), 1))
    assert {(f.framework, f.verdict) for f in told} == {("jax", "sign")}
    assert hunt.judged(Program("exp(z)", {"z": "cv"}, z, frozenset({"exp"}), 1)) == []
