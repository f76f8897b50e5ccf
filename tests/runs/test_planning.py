"""Plan, selection and targets: pure, the same for the same arguments, and no silent omission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cases import load
from harness.model import Case, CaseError, Input, Point
from harness.runs.api import _targets
from harness.runs.errors import RunError
from harness.runs.planning import Target, own_python, plan, plan_digest
from harness.runs.protocol import task_digest
from harness.selection import Selection
from tests.runs.conftest import make_case

TARGETS = (Target("torch.func", family="torch"), Target("jax", mode="jit", family="jax"))


def mixed() -> Case:
    point = Point("one", {"z": np.array([1 + 2j, 1e300]), "x": np.array([0.1]), "n": np.array([3]),
                          "b": np.array([True])})
    inputs = (Input("z", "complex", (2,)), Input("x", "real", (1,)), Input("n", "integer", (1,), False),
              Input("b", "boolean", (1,), False))
    return Case(
        id="mixed", function={"jax": "jnp.sin(z)"}, inputs=inputs, points=(point,), dtypes=("complex64", "complex128"),
        seconds=5.0,
    )


def test_one_task_for_each_case_dtype_and_target() -> None:
    tasks = plan([mixed(), make_case()], TARGETS)
    assert [t.key for t in tasks] == [
        ("mixed", "complex64", "torch.func", "cpu", "eager"), ("mixed", "complex64", "jax", "cpu", "jit"),
        ("mixed", "complex128", "torch.func", "cpu", "eager"), ("mixed", "complex128", "jax", "cpu", "jit"),
        ("square", "complex128", "torch.func", "cpu", "eager"), ("square", "complex128", "jax", "cpu", "jit"),
    ]


def test_points_are_cast_to_the_dtype() -> None:
    single, double = (plan([mixed()], TARGETS[:1], dtypes=[d])[0].points[0].arrays for d in ("complex64", "complex128"))
    assert [str(a.dtype) for a in single.values()] == ["complex64", "float32", "int64", "bool"]
    assert [str(a.dtype) for a in double.values()] == ["complex128", "float64", "int64", "bool"]
    assert single["x"][0] == np.float32(0.1) and double["x"][0] == 0.1


def test_a_family_without_a_text_is_planned_too() -> None:
    torch, jax = plan([mixed()], TARGETS, dtypes=["complex64"])
    assert torch.source.kind == "none"
    assert (jax.source.kind, jax.source.text) == ("native", "jnp.sin(z)")


def test_limits_and_apis() -> None:
    (task,) = plan([mixed()], TARGETS[:1], dtypes=["complex64"], apis=["grad"], seconds=2.0, modules=["mine"])
    assert (task.apis, task.seconds, task.modules) == (("grad",), 2.0, ("mine",))
    assert plan([mixed()], TARGETS)[0].seconds == 5.0


def test_the_digest_of_a_plan_is_about_its_content() -> None:
    tasks = plan([mixed(), make_case()], TARGETS)
    again = plan([mixed(), make_case()], TARGETS)
    assert plan_digest(tasks) == plan_digest(again)
    assert plan_digest(tasks[1:]) != plan_digest(tasks) != plan_digest(tasks[::-1])
    task = tasks[0]
    nudged = {n: a.copy() for n, a in task.points[0].arrays.items()}
    nudged["x"][0] = np.nextafter(nudged["x"][0], np.float32(1))
    for other in (
        replace(task, points=(replace(task.points[0], arrays=nudged),)), replace(task, mode="slow"),
        replace(task, python="/other/python"), replace(task, order=2), replace(task, apis=("grad",)),
        replace(task, source=replace(task.source, text="another")), replace(task, outputs=("u",)),
    ):
        assert task_digest(other) != task_digest(task)
    for same in (replace(task, skip=frozenset({("one", "grad")})), replace(task, seconds=1.0)):
        assert task_digest(same) == task_digest(task)


@pytest.mark.parametrize(
    ("select", "want"),
    [
        (None, {"square": 3, "mixed": 1}), (["square"], {"square": 3}), ("s*@b*", {"square": 1}),
        (["*@first", "mixed"], {"square": 1, "mixed": 1}), (["*@l*", "*@bad"], {"square": 2}),
        (["group/square"], {"square": 3}),
    ],
)
def test_selection(select: list[str] | str | None, want: dict[str, int]) -> None:
    cases = [make_case(family="group"), mixed()]
    assert {c.id: len(c.points) for c in Selection(select).chosen(cases)} == want


@pytest.mark.parametrize(
    ("glob", "hint"),
    [
        ("sqare", "did you mean square"),
        ("square@frist", "did you mean square@first. square has the points first, bad, last"),
        ("#", "list"),
    ],
)
def test_a_selection_that_matches_nothing_is_an_error(glob: str, hint: str) -> None:
    with pytest.raises(CaseError, match=f"no case matches '{glob}'.*{hint}"):
        Selection(["square", glob]).chosen([make_case()])


def test_targets_of_backends_by_name() -> None:
    fakes = ["tests.runs.fakes:Square", "tests.runs.fakes:Hang"]
    targets, absent = _targets(fakes, ["cpu", "abacus"], ["slow", "eager"], {}, False)
    assert [(t.backend, t.device, t.mode) for t in targets] == [
        (b, d, m) for b in ("square", "hang") for m in ("slow", "eager") for d in ("cpu", "abacus")
    ]
    assert absent == {}
    assert {t.spec for t in targets} == set(fakes)


def test_several_environments_of_one_backend() -> None:
    spec = "tests.runs.fakes:Square"
    targets, _ = _targets([spec], None, None, {spec: ["", "/other/bin/python"]}, False)
    assert [t.python for t in targets] == ["", "/other/bin/python"]
    with pytest.raises(CaseError, match="not among the backends"):
        _targets([spec], None, None, {"jax": "/other/bin/python"}, False)


def test_our_own_interpreter_is_recognised() -> None:
    import sys

    assert own_python(sys.executable) == own_python("") == own_python(None) == ""
    assert own_python("relative/python").startswith("/")


def test_two_backends_of_one_name_are_refused() -> None:
    with pytest.raises(CaseError, match="both called 'square'"):
        _targets(["tests.runs.fakes:Square", "tests.runs.test_planning:Impostor"], None, None, {}, False)


def test_an_unknown_backend_is_an_error() -> None:
    with pytest.raises(CaseError, match="no backend 'tensorflow'"):
        _targets(["tensorflow"], None, None, {}, False)


def test_nothing_to_run_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import backends
    from tests.runs.fakes import NotThere

    monkeypatch.setattr(backends, "available", lambda: {"not-there": NotThere})
    monkeypatch.setattr(backends, "load", lambda spec: NotThere)
    with pytest.raises(RunError, match="not-there: not installed: no_such_framework"):
        _targets(None, None, None, {}, False)


from tests.runs.fakes import Square  # noqa: E402


class Impostor(Square):
    """Called as another is."""


def test_which_case_stands_for_a_family_is_decided_before_the_selection(tmp_path: Path) -> None:
    """A selection is observed as the whole is: `linearize` at the first point of the file's first case, or nowhere."""
    path = tmp_path / "two.yaml"
    path.write_text(
        'cases:\n'
        '  - {id: first, function: z**2, inputs: {z: "complex[1]"}, points: {one: {z: [1j]}, two: {z: [2j]}}}\n'
        '  - {id: second, function: z**3, inputs: {z: "complex[1]"}, points: {one: {z: [1j]}}}\n'
    )
    loaded = load([path])

    def asked(select: str | None) -> set[tuple[str, str]]:
        tasks = plan(Selection(select).chosen(loaded), TARGETS[:1], dtypes=["complex128"])
        return {(t.case, p.name) for t in tasks for p in t.points
                if t.wants("linearize") and (p.name, "linearize") not in t.skip}

    assert asked(None) == asked("first") == asked("first@one") == {("first", "one")}
    assert asked("second") == asked("first@two") == set()
