"""JAX's own: one compilation a task, the same answers in every mode, work that can be prepared and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.backends.jax import program as _jax_program
from tests.backends.tasks import backend, data, make_task, observe, steps

Z, W = np.array([1 + 2j, -0.5j]), np.array([2.0, -3.0])
TEXTS = [
    ("z * conj(z) * z", {"z": Z}, 1),
    ("sum(abs(z)**2 * w)", {"z": Z, "w": W}, 2),
    ("(argmax(w), z * w, abs(z))", {"z": Z, "w": W}, 1),
    ("svdvals(outer(z, w))", {"z": Z, "w": W}, 1),
]


@pytest.mark.parametrize(("text", "point", "order"), TEXTS)
def test_jitted_together_apart_and_eager_agree(text: str, point: dict[str, Any], order: int) -> None:
    task = make_task(text, "jax", [point], order=order)
    whole = observe(task)
    others = {
        "eager": observe(replace(task, mode="eager")),
        "apart": observe(replace(task, skip=frozenset({("*", "compile")}))),
    }
    for how, other in others.items():
        assert set(whole) == set(other), how
        for key, seen in whole.items():
            again = other[key]
            assert (seen.status, seen.message) == (again.status, again.message), (how, key)
            if seen.data is not None and again.data is not None:
                assert seen.data.dtype == again.data.dtype and seen.data.shape == again.data.shape
                np.testing.assert_allclose(seen.data, again.data, rtol=1e-12, atol=1e-12, err_msg=f"{how} {key}")


def test_a_point_that_killed_the_whole_is_observed_apart() -> None:
    task = make_task("z * conj(z)", "jax", [{"z": Z}, {"z": 2 * Z}], apis=("grad[holomorphic]",))
    whole, apart = observe(task), observe(replace(task, skip=frozenset({("p0", "*")})))
    assert set(whole) == set(apart)
    for key, seen in whole.items():
        np.testing.assert_allclose(seen.data, apart[key].data, rtol=1e-12, atol=1e-12)  # type: ignore[arg-type]
    said = steps(replace(task, skip=frozenset({("p0", "*")})))
    assert ("p0", "grad[holomorphic]") in said and ("p1", "*") in said and ("p0", "*") not in said


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the compilations that XLA is asked for."""
    import jax

    count = [0]
    compile_ = jax.stages.Lowered.compile

    def counting(self: Any, *args: Any, **more: Any) -> Any:
        count[0] += 1
        return compile_(self, *args, **more)

    monkeypatch.setattr(jax.stages.Lowered, "compile", counting)
    return count


def test_one_compilation_for_all_points_bases_and_apis(compilations: list[int]) -> None:
    points = [{"z": Z + k, "w": W} for k in range(5)]
    found = observe(make_task("sum(z * w) * conj(z)", "jax", points))
    assert len({key[0] for key in found}) == 5
    assert compilations == [1]


def test_many_basis_vectors_do_not_recompute_the_native_apis(compilations: list[int]) -> None:
    x = np.linspace(1, 2, _jax_program.SHARED_CALLS + 2)
    found = observe(make_task("sum(x * x)", "jax", [{"x": x}]))
    np.testing.assert_allclose(data(found, "p0", "grad", "raw", "x", "out"), 2 * x)
    np.testing.assert_allclose(data(found, "p0", "pushforward", "differential", "x", "out"), 2 * x[None])
    assert compilations == [2]


def test_one_api_that_cannot_be_lowered_does_not_lose_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    lower = jax.stages.Lowered.compile

    def fails(self: Any, *args: Any, **more: Any) -> Any:
        raise RuntimeError("INTERNAL: the whole cannot be compiled")

    monkeypatch.setattr(jax.stages.Lowered, "compile", fails)
    found = observe(make_task("z * z", "jax", [{"z": Z}]))
    monkeypatch.setattr(jax.stages.Lowered, "compile", lower)
    np.testing.assert_allclose(
        data(found, "p0", "pullback", "differential", "z", "out")[:2, :2], np.diag(2 * Z.real), atol=1e-14
    )


def test_an_api_without_a_rule_is_refused_and_the_rest_is_there() -> None:
    """A function with only a reverse rule: jvp is jax's own refusal."""
    task = make_task("tests.backends.programs_jax:only_reverse", "jax", [{"x": W}], source="callable",
                     modules=("tests.backends.programs_jax",))
    found = observe(task)
    np.testing.assert_allclose(data(found, "p0", "pullback", "differential", "x", "out"), np.diag(3 * W))
    seen = found["p0", "pushforward", "differential", "x", "out"]
    assert seen.status == "refused" and "forward-mode" in seen.message
    assert found["p0", "jvp", "raw", "x", "out"].status == "refused"
    assert found["p0", "jacrev", "raw", "x", "out"].status == "ok"


def test_what_cannot_be_traced_is_refused_by_jit_and_runs_eagerly() -> None:
    task = make_task("tests.backends.programs_jax:looks", "jax", [{"x": W}], source="callable",
                     modules=("tests.backends.programs_jax",), apis=())
    (seen,) = observe(task).values()
    assert seen.quantity == "value" and seen.status == "refused" and seen.error == "TracerBoolConversionError"
    found = observe(replace(task, mode="eager"))
    np.testing.assert_allclose(data(found, "p0", "pullback", "differential", "x", "out"), 2 * np.eye(2))


def test_prepared_tasks_give_the_same_rows(compilations: list[int]) -> None:
    task = make_task("z * z", "jax", [{"z": Z}], apis=())
    plain = observe(task)
    jax_backend: Any = backend("jax")
    jax_backend.prepare(task)
    ready = observe(task)
    assert list(plain) == list(ready) and compilations == [2]
    assert all(np.array_equal(plain[key].data, ready[key].data) for key in plain)  # type: ignore[arg-type]


def test_a_native_api_left_out_at_a_point_does_not_end_the_sharing(compilations: list[int]) -> None:
    task = make_task("sum(abs(z))", "jax", [{"z": Z}, {"z": 2 * Z}], skip=frozenset({("p1", "linearize")}))
    found = observe(task)
    assert compilations == [1]
    assert ("p0", "linearize", "raw", "z", "out") in found and ("p1", "linearize", "raw", "z", "out") not in found
    assert ("p1", "grad", "raw", "z", "out") in found


def test_compilation_is_announced_once() -> None:
    said = steps(make_task("z * z", "jax", [{"z": Z}, {"z": Z}], apis=()))
    assert said.count(("*", "compile")) == 1


def test_compiled_programs_are_kept_where_the_environment_says(tmp_path: Any) -> None:
    code = (
        "import numpy as np; from tests.backends.tasks import make_task, observe; "
        "observe(make_task('sin(z) * z', 'jax', [{'z': np.array([1 + 2j])}], apis=()))"
    )
    env = {**os.environ, "HARNESS_COMPILATION_CACHE": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=120)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert any(p.suffix == ".program" and p.parent.parent.name.startswith("jax-") for p in files)
    assert len(files) == 1  # the second run found everything: it added no program


def test_settings_that_change_numbers_are_recorded() -> None:
    flags = backend("jax").flags()
    assert flags["x64"] == "on" and flags["matmul_precision"] == "highest"
