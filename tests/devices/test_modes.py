"""Modes: each does what its name says, and a framework is compared with itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.backends.loop import SECOND_ORDER
from harness.comparison.reduced_precision import BFLOAT16, SINGLE, TF32, multiplies, of_target, tolerances_of
from harness.comparison.targets import Target
from harness.model import Case, Input, Point
from tests.in_process import InProcess

Z = np.array([2 + 1j, 0.5 - 2j])


def case(text: str, name: str = "f", *, dtypes: tuple[str, ...] = ("complex128",), **more: object) -> Case:
    points = (Point("p", {"z": more.pop("z", Z)}),)  # type: ignore[dict-item]
    return Case(name, {"portable": text}, (Input("z", "complex", np.shape(points[0].arrays["z"])),), points, dtypes,
                **more)  # type: ignore[arg-type]


def observed(cases: list[Case], folder: Path, backend: str, *modes: str, **options: object) -> harness.Run:  # type: ignore[name-defined]
    return harness.run(cases, backends=[backend], modes=list(modes), output=folder / "run", progress=False,
                       executor=InProcess(), **options)  # type: ignore[arg-type]


def modes(run: object, **match: str) -> pd.DataFrame:
    frame = pd.DataFrame(harness.compare(run, axis="mode"))
    for column, word in match.items():
        frame = frame[frame[column].astype(str) == word]
    return frame


def test_compiled_pinv_differs_from_eager_and_eager_is_right(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if not hasattr(torch, "compile"):
        pytest.skip("this release of torch has no torch.compile")
    matrix = np.array([[1 + 2j, -0.5 + 0.25j], [0.75 - 1j, 2 + 0.5j], [-1 + 0.125j, 0.375 + 1j]])
    run = observed([case("pinv(z)", z=matrix)], tmp_path, "torch.autograd", "eager", "compile-aot", apis=())
    seen = run.observations()
    seen = seen[(seen["quantity"] == "value") & (seen["backend"] == "torch.autograd")].set_index("mode")
    compiled = seen.loc["compile-aot"]
    if compiled["status"] != "ok":
        pytest.skip(f"torch.compile is not usable here: {compiled['message']}")
    truth = np.linalg.inv(matrix.conj().T @ matrix) @ matrix.conj().T  # pinv of a matrix of full column rank
    np.testing.assert_allclose(run.array(seen.loc["eager"]), truth, rtol=1e-12)
    if np.allclose(run.array(compiled), truth):
        assert not torch.__version__.startswith("2.13.0"), "torch 2.13.0 compiles complex pinv wrongly"
        pytest.skip("this release of torch compiles complex pinv correctly")
    value = modes(run, quantity="value").iloc[0]
    assert (value["left"], value["right"]) == ("torch.autograd:eager", "torch.autograd:compile-aot")
    assert (value["verdict"], value["culprit"], value["evidence"]) == (
        "value", "torch.autograd:compile-aot", "reference",
    )
    # The derivative of a compiled function is judged on its own: its pullback is wrong too, by the same evidence.
    pullback = modes(run, quantity="differential", api="pullback").iloc[0]
    assert (pullback["verdict"], pullback["culprit"]) == ("mismatch", "torch.autograd:compile-aot")


def test_what_is_compiled_is_right_where_it_should_be(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run = observed([case("z * conj(z) + z")], tmp_path, "torch.func", "eager", "compile-aot", "vmap", apis=())
    frame = modes(run, quantity="differential")
    assert set(frame["verdict"].astype(str)) == {"agree"} and len(frame) == 6
    # J of |z|^2 + z by hand: u = x^2 + y^2 + x, v = y
    rows = run.observations()
    rows = rows[(rows["quantity"] == "differential") & (rows["backend"] == "torch.func")]
    x, y = Z.real, Z.imag
    expected = np.block([[np.diag(2 * x + 1), np.diag(2 * y)], [np.zeros((2, 2)), np.eye(2)]])
    assert set(rows["mode"]) == {"eager", "compile-aot", "vmap"}
    for _, row in rows.iterrows():
        np.testing.assert_allclose(run.array(row), expected, rtol=1e-13)


def test_eager_is_not_passed_off_as_compiled() -> None:
    torch = pytest.importorskip("torch")
    from harness.backends.rows import ResultRefused
    from harness.backends.torch.modes import Compiler

    compiler = Compiler(torch, "compile-aot")
    hidden = torch._dynamo.disable(lambda x: x * 2)
    with pytest.raises(ResultRefused, match="captured nothing"):
        compiler.compiled(lambda x: hidden(x))(torch.ones(2))
    assert compiler.compiled(lambda x: x * 2)(torch.ones(2)).tolist() == [2, 2]


def test_without_x64_complex128_becomes_complex64_and_a_row_says_so(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    cases = [case("exp(z)"), case("z * 3", "after")]
    run = observed(cases, tmp_path, "jax", "x64-off", "jit", apis=(), reference=False)
    rows = run.observations()
    value = rows[(rows["quantity"] == "value") & (rows["case"] == "f")].set_index("mode")["kind"].astype(str)
    assert (value["x64-off"], value["jit"]) == ("<c8", "<c16")
    frame = modes(run)
    assert set(frame["verdict"].astype(str)) == {"precision"}
    assert frame["note"].str.contains("single precision was returned where double was asked").all()


def test_x64_off_does_not_leak_into_what_follows(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    run = observed([case("exp(z)", f"f{k}") for k in range(3)], tmp_path, "jax", "x64-off", "jit", apis=(),
                   reference=False)
    rows = run.observations()
    rows = rows[rows["mode"] == "jit"]
    assert set(rows["kind"].astype(str)) == {"<c16", "<f8"} and (rows["status"] == "ok").all()


def test_checkpoint_agrees_with_jit(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    run = observed([case("sin(z) * conj(z)")], tmp_path, "jax", "jit", "checkpoint", reference=False)
    frame = modes(run)
    assert set(frame["verdict"].astype(str)) <= {"agree", "unsupported"} and (frame["verdict"] == "agree").sum() >= 8


@pytest.mark.parametrize("backend", ["torch.autograd", "torch.func", "jax"])
def test_second_derivatives_in_every_order(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend.partition(".")[0])
    run = harness.run([case("real(z[0]**2 * conj(z[1]))", order=2)], backends=[backend], apis=(), reference=False,
                      output=tmp_path / "run", progress=False, executor=InProcess())
    rows = run.observations()
    rows = rows[rows["quantity"] == "hessian"].set_index("api")
    # L = (x^2 - y^2) a + 2 x y b with z0 = x + iy, z1 = a + ib; columns x, a, y, b
    (x, a), (y, b) = Z.real, Z.imag
    expected = [
        [2 * a, 2 * x, 2 * b, 2 * y], [2 * x, 0, -2 * y, 0], [2 * b, -2 * y, -2 * a, 2 * x], [2 * y, 0, 2 * x, 0],
    ]
    for api in SECOND_ORDER[:-1] if backend == "torch.autograd" else SECOND_ORDER:
        np.testing.assert_allclose(run.array(rows.loc[api]), expected, rtol=1e-13, atol=1e-13)


def target(device: str, **flags: str) -> Target:
    return Target(0, "torch.func", device, "eager", "torch 2", flags=flags)


def test_reduced_precision_is_read_from_flags() -> None:
    assert of_target(target("cuda:0", float32_matmul_precision="highest", tf32="off")) == 0
    assert of_target(target("cuda:0", float32_matmul_precision="high")) == TF32
    assert of_target(target("cuda:0", tf32="on")) == TF32
    assert of_target(target("cpu", float32_matmul_precision="high")) == 0
    assert of_target(target("tpu:0", matmul_precision="default")) == BFLOAT16
    assert of_target(target("gpu:0", matmul_precision="default")) == TF32


def test_tolerances_follow_the_precision_that_is_left() -> None:
    assert tolerances_of(TF32).fine == pytest.approx(2**-7.5) and tolerances_of(TF32).coarse == 2**-5
    assert tolerances_of(BFLOAT16).coarse > tolerances_of(TF32).coarse > tolerances_of(SINGLE).coarse


@pytest.mark.parametrize(("text", "product"), [("a @ b", True), ("torch.linalg.pinv(z)", True), ("exp(z)", False),
                                               ("einsum('ij,jk', a, b)", True), ("dotted(z)", False)])
def test_cases_that_multiply_matrices(text: str, product: bool) -> None:
    assert multiplies(case(text)) is product
