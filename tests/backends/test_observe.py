"""What every backend returns, against calculus done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harness.backends.base import DONE
from harness.backends.loop import SECOND_ORDER
from harness.backends.third import THIRD_ORDER
from harness.wirtinger import generic_vector, wirtinger_pair
from tests.backends.tasks import FRAMEWORKS, backend, data, make_task, observe, steps

Z = np.array([1 + 2j, -0.5 + 0.25j])
EVERY = pytest.mark.parametrize("name", FRAMEWORKS)
BOTH = ("pullback", "pushforward")


def elementwise(u_x: object, u_y: object, v_x: object, v_y: object) -> np.ndarray:
    return np.block([[np.diag(u_x), np.diag(u_y)], [np.diag(v_x), np.diag(v_y)]])


@EVERY
@pytest.mark.parametrize(
    ("text", "by_z", "by_conj"),
    [
        ("z * z", 2 * Z, 0 * Z),
        ("conj(z)", 0 * Z, 1 + 0 * Z),
        ("z * conj(z) * z", 2 * abs(Z) ** 2, Z**2),
        ("exp(z)", np.exp(Z), 0 * Z),
        ("real(z) + 2j * imag(z)", 1.5 + 0 * Z, -0.5 + 0 * Z),
        ("z / conj(z)", 1 / Z.conj(), -Z / Z.conj() ** 2),
    ],
)
def test_the_wirtinger_pair_of_elementwise_functions(
    name: str, text: str, by_z: np.ndarray, by_conj: np.ndarray
) -> None:
    found = observe(make_task(text, name, [{"z": Z}], apis=()))
    for api in BOTH:
        pair = wirtinger_pair(data(found, "p0", api, "differential", "z", "out"), True, True)
        np.testing.assert_allclose(pair[0], np.diag(by_z), atol=1e-14)
        np.testing.assert_allclose(pair[1], np.diag(by_conj), atol=1e-14)


@EVERY
def test_real_outputs_and_real_inputs_drop_rows_and_columns(name: str) -> None:
    task = make_task("(abs(z)**2, x * z, x * x)", name, [{"z": Z, "x": np.array([3.0, -2.0])}], apis=())
    found = observe(task)
    x = np.array([3.0, -2.0])
    zero = np.zeros(2)
    for api in BOTH:
        def j(i: str, o: str, api: str = api) -> np.ndarray:
            return data(found, "p0", api, "differential", i, o)

        np.testing.assert_allclose(j("z", "out0"), np.hstack([np.diag(2 * Z.real), np.diag(2 * Z.imag)]), atol=1e-14)
        np.testing.assert_allclose(j("x", "out1"), np.vstack([np.diag(Z.real), np.diag(Z.imag)]))
        np.testing.assert_allclose(j("z", "out1"), elementwise(x, zero, zero, x))
        np.testing.assert_allclose(j("x", "out2"), np.diag(2 * x))
        assert not j("x", "out0").any() and j("x", "out0").shape == (2, 2)
        assert not j("z", "out2").any() and j("z", "out2").shape == (2, 4)


@EVERY
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_the_precision_of_the_case_is_kept(name: str, dtype: str) -> None:
    found = observe(make_task("z * conj(z) * z", name, [{"z": Z}], dtype=dtype))
    assert data(found, "p0", "", "value", "", "out").dtype == dtype
    real = {"complex64": "float32", "complex128": "float64"}[dtype]
    for api in BOTH:
        assert data(found, "p0", api, "differential", "z", "out").dtype == real


@EVERY
def test_raw_results_follow_the_declared_sign(name: str) -> None:
    """L = sum |z|^2: L_x + i L_y = 2 z, up to the sign that the backend declares for its API."""
    found = observe(make_task("sum(abs(z)**2)", name, [{"z": Z}]))
    seen = set()
    for api in backend(name).apis:
        if api.kind not in ("gradient", "batched-gradient", "jacobian-reverse"):
            continue
        key = ("p0", api.name, "raw", "z", "out")
        if found[key].status == "refused":
            continue
        want = 2 * (Z if api.sign == 1 else Z.conj())
        want = np.stack([want, want]) if api.kind == "batched-gradient" else want
        np.testing.assert_allclose(data(found, *key), want)
        seen.add(api.kind)
    assert {"gradient"} <= seen


@EVERY
def test_vjp_and_jvp_answer_the_same_question_everywhere(name: str) -> None:
    """For f = z^2 conj(z): A^H c + B^T conj(c) up to the declared sign, and A t + B conj(t)."""
    found = observe(make_task("z * z * conj(z)", name, [{"z": Z}]))
    a, b = 2 * abs(Z) ** 2, Z**2
    c = generic_vector((2,), True, "complex128", "case:pullback:out")
    t = generic_vector((2,), True, "complex128", "case:pushforward:z")
    checked = 0
    for api in backend(name).apis:
        if api.kind == "pullback":
            want = a.conj() * c + b * c.conj()
            want = want if api.sign == 1 else want.conj()
        elif api.kind == "pushforward":
            want = a * t + b * t.conj()
        else:
            continue
        np.testing.assert_allclose(data(found, "p0", api.name, "raw", "z", "out"), want, atol=1e-13)
        checked += 1
    assert checked >= 3


@EVERY
def test_a_complex_loss_is_refused_in_the_frameworks_own_words(name: str) -> None:
    seen = observe(make_task("z * z", name, [{"z": Z}]))[("p0", "grad", "raw", "z", "out")]
    assert seen.status == "refused" and seen.data is None
    assert "real" in seen.message and seen.error in ("RuntimeError", "TypeError")


@EVERY
def test_an_integer_output_has_no_derivative_and_hides_nothing(name: str) -> None:
    found = observe(make_task("(argmax(abs(z)), z * z)", name, [{"z": Z}], outputs=("where", "square")))
    assert data(found, "p0", "", "value", "", "where") == 0
    for api in BOTH:
        seen = found["p0", api, "differential", "z", "where"]
        assert seen.status == "refused" and "where" in seen.message
        j = data(found, "p0", api, "differential", "z", "square")
        np.testing.assert_allclose(j[:2, :2], np.diag(2 * Z.real))


def orders(name: str) -> tuple[str, ...]:
    """The orders of second derivatives that a backend has: torch.autograd's dual numbers do not nest."""
    return SECOND_ORDER[:-1] if name == "torch.autograd" else SECOND_ORDER


def test_dual_numbers_of_torch_do_not_nest_and_say_so() -> None:
    point = {"z": np.array(1 + 2j), "w": np.array(3.0)}
    found = observe(make_task("real(z)**2 * w", "torch.autograd", [point], order=2))
    rows = [found["p0", "forward-over-forward", "hessian", pair, "out"] for pair in ("z", "z,w", "w,z", "w")]
    assert {row.status for row in rows} == {"refused"} and all("not supported" in row.message for row in rows)


@EVERY
def test_second_order_blocks_of_a_real_loss(name: str) -> None:
    """L = Re(z)^2 Im(z) + w |z|^2, scalars: every block by hand."""
    point = {"z": np.array(1 + 2j), "w": np.array(3.0)}
    x, y, w = 1.0, 2.0, 3.0
    found = observe(make_task("real(z)**2 * imag(z) + w * real(z * conj(z))", name, [point], order=2))
    want = {
        "z": [[2 * y + 2 * w, 2 * x], [2 * x, 2 * w]],
        "z,w": [[2 * x], [2 * y]],
        "w,z": [[2 * x, 2 * y]],
        "w": [[0.0]],
    }
    for api in orders(name):
        for pair, block in want.items():
            np.testing.assert_allclose(data(found, "p0", api, "hessian", pair, "out"), block, atol=1e-13)


@pytest.mark.parametrize(("name", "mode"), [
    ("torch.autograd", "eager"), ("torch.func", "eager"), ("torch.func", "vmap"), ("jax", "jit")])
def test_third_order_blocks_of_a_real_loss(name: str, mode: str) -> None:
    """L = x^2 y w^2 + x^3 with z = x + iy: blocks by hand, rows by the first two inputs."""
    x, y, w = 1.0, 2.0, 3.0
    text, point = "real(z)**2 * imag(z) * w**2 + real(z)**3", {"z": np.array(x + y * 1j), "w": np.array(w)}
    found = observe(make_task(text, name, [point], order=3, mode=mode, apis=()))
    want = {
        "z": [[6, 2 * w**2], [2 * w**2, 0], [2 * w**2, 0], [0, 0]],
        "z,z,w": [[4 * y * w], [4 * x * w], [4 * x * w], [0]],
        "z,w,z": [[4 * y * w, 4 * x * w], [4 * x * w, 0]],
        "w,w,z": [[4 * x * y, 2 * x**2]],
        "w": [[0]],
    }
    for api in THIRD_ORDER[2:] if name == "torch.autograd" else THIRD_ORDER:
        for names, block in want.items():
            np.testing.assert_allclose(data(found, "p0", api, "third", names, "out"), block, atol=1e-12)


@EVERY
def test_second_order_of_a_complex_output_is_refused(name: str) -> None:
    found = observe(make_task("z * z", name, [{"z": Z}], order=2))
    for api in SECOND_ORDER:
        seen = found["p0", api, "hessian", "z", "out"]
        assert seen.status == "refused" and "complex" in seen.message


@EVERY
def test_native_hessians_of_real_inputs(name: str) -> None:
    point = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])}
    found = observe(make_task("sum(x * x * y)", name, [point], order=2))
    api = "functional.hessian" if name == "torch.autograd" else "hessian"
    np.testing.assert_allclose(data(found, "p0", api, "raw", "x", "out"), np.diag([6.0, 8.0]))
    np.testing.assert_allclose(data(found, "p0", api, "raw", "x,y", "out"), np.diag([2.0, 4.0]))
    np.testing.assert_allclose(data(found, "p0", api, "raw", "y,x", "out"), np.diag([2.0, 4.0]))
    assert not data(found, "p0", api, "raw", "y", "out").any()


@EVERY
def test_empty_and_scalar_arrays(name: str) -> None:
    found = observe(make_task("z * z", name, [{"z": np.zeros((0,), complex)}]))
    assert data(found, "p0", "pullback", "differential", "z", "out").shape == (0, 0)
    found = observe(make_task("z * z", name, [{"z": np.array(1 + 1j)}]))
    np.testing.assert_allclose(
        data(found, "p0", "pushforward", "differential", "z", "out"), [[2, -2], [2, 2]], atol=1e-15
    )


@EVERY
def test_large_jacobians_are_not_asked_for(name: str) -> None:
    found = observe(make_task("x * x", name, [{"x": np.ones(65)}]))
    apis = {key[1] for key in found}
    assert "pullback" in apis and not any("jac" in api for api in apis)


@EVERY
@pytest.mark.parametrize(("outputs", "size"), [(70000, 4), (60000, 300)])
def test_a_function_of_too_many_derivatives_says_so(name: str, outputs: int, size: int) -> None:
    found = observe(make_task(f"broadcast_to(sum(x), ({outputs},))", name, [{"x": np.linspace(1, 2, size)}]))
    assert {row.status for row in found.values()} == {"refused"}
    assert all("a case is a small example" in row.message for row in found.values() if row.quantity == "value")


@EVERY
def test_only_what_was_asked_for(name: str) -> None:
    assert {key[2] for key in observe(make_task("z * z", name, [{"z": Z}], apis=()))} == {"value", "differential"}
    some = observe(make_task("sum(abs(z))", name, [{"z": Z}], apis=("grad",)))
    assert {key[1] for key in some if key[2] == "raw"} == {"grad"}


@EVERY
def test_a_step_that_killed_a_worker_is_left_out(name: str) -> None:
    skip = frozenset({("p0", "grad"), ("p1", "pullback")})
    task = make_task("sum(abs(z))", name, [{"z": Z}, {"z": 2 * Z}], skip=skip)
    found = observe(task)
    assert ("p0", "grad", "raw", "z", "out") not in found and ("p1", "grad", "raw", "z", "out") in found
    assert ("p1", "pullback", "differential", "z", "out") not in found
    assert ("p0", "pullback", "differential", "z", "out") in found
    assert not any(key[0] == "p1" for key in observe(make_task("abs(z)", name, [{"z": Z}, {"z": Z}],
                                                               skip=frozenset({("p1", "value")}))))


@EVERY
def test_risky_work_is_announced_and_points_are_closed(name: str) -> None:
    said = steps(make_task("z * z", name, [{"z": Z}, {"z": 2 * Z}]))
    assert [point for point, api in said if api == DONE] == ["p0", "p1"]
    if name == "jax":
        assert said[:2] == [("*", "compile"), ("p0", "*")]
    else:
        assert said[0] == ("p0", "value") and ("p0", "pullback") in said and ("p0", "grad") in said


@EVERY
def test_the_same_bytes_twice(name: str) -> None:
    task = make_task("(exp(z) * conj(w), sum(abs(z * w)))", name, [{"z": Z, "w": 1j * Z}])
    first, second = observe(task), observe(task)
    assert list(first) == list(second)
    for key, seen in first.items():
        again = second[key]
        assert (seen.status, seen.error, seen.message) == (again.status, again.error, again.message)
        assert (seen.data is None) == (again.data is None)
        if seen.data is not None and again.data is not None:
            assert seen.data.tobytes() == again.data.tobytes()


@EVERY
def test_inputs_of_the_task_are_never_written_to(name: str) -> None:
    task = make_task("z * z", name, [{"z": Z}])
    before = task.points[0].arrays["z"].copy()
    observe(task)
    assert np.array_equal(task.points[0].arrays["z"], before)


@EVERY
def test_a_function_without_a_spelling_is_unsupported_at_each_point(name: str) -> None:
    other = "jax.nn.silu(z)" if name.startswith("torch") else "torch.sin(z)"
    task = make_task(other, name, [{"z": Z}, {"z": Z}], source="native")
    found = observe(task)
    assert all(seen.status in ("unsupported", "error") for seen in found.values())
    assert {key[0] for key in found} == {"p0", "p1"}


def test_nan_stays_in_its_entry() -> None:
    """sqrt at 0 has an infinite derivative; the other component must not be touched by it."""
    for name in FRAMEWORKS:
        found = observe(make_task("sqrt(x)", name, [{"x": np.array([0.0, 4.0])}], apis=()))
        j = data(found, "p0", "pullback", "differential", "x", "out")
        assert j[1, 1] == 0.25 and np.isinf(j[0, 0])
