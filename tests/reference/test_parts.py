"""Arrays, the cache, the backend's rows, finite differences, Clarke hulls, closed forms."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from flint import arb

from harness.backends.base import DONE, Step
from harness.backends.reference import Reference
from harness.differences import numeric_differential
from harness.formats import DOUBLE, SINGLE
from harness.model import Case, Derivative, Input, Observation, Point, Source, Task
from harness.reference import digits
from harness.reference.ball_arrays import from_numpy
from harness.reference.cache import Cache, key, version
from harness.reference.clarke import inside, rows_inside
from harness.reference.function import Compiled
from harness.reference.precision import rounded, rounded_up, state
from harness.reference.solution import Solution, solve
from harness.reference.stable import eliminated

Z = np.array([1 + 2j, -0.3 + 0.5j, 2.0 - 1j])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def task(text: str, arrays: dict[str, np.ndarray], **more: Any) -> Task:
    kinds = {"f": "real", "c": "complex", "i": "integer", "b": "boolean"}
    inputs = tuple(Input(n, kinds[a.dtype.kind], a.shape) for n, a in arrays.items())
    points = more.pop("points", (Point("p", arrays),))
    source = more.pop("source", Source("portable", text))
    dtype = more.pop("dtype", "complex128")
    return Task("c", dtype, "reference", "cpu", "eager", source, inputs, points, **more)


def observed(t: Task) -> list[Observation]:
    return [o for o in Reference().observe(t) if isinstance(o, Observation)]


def by_quantity(rows: list[Observation], api: str = "reference") -> dict[tuple[str, str], np.ndarray]:
    return {(r.quantity, r.input): r.data for r in rows if r.api == api and r.data is not None}


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_doubles_go_in_and_out_exactly() -> None:
    x = np.array([5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, -0.0, np.nan, np.inf])
    back = np.array([rounded(b) for b in from_numpy(x).data])
    assert back[:5].tolist() == [5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 0.0]
    assert np.isnan(back[5:]).all()


def test_rounding_up_is_an_upper_bound() -> None:
    for x in (arb(1) / 3, arb(2) ** -2000, arb("0.1"), arb(7), arb(0)):
        assert arb(rounded_up(x)) >= x.mid()
    assert rounded_up(arb(0)) == 0.0 and rounded_up(arb("nan")) == np.inf


@pytest.mark.parametrize("index", [0, -1, (slice(None), 1), (Ellipsis, None), ([0, 1], [1, 0]), slice(None, None, -1)])
def test_indexing_is_numpys(index: Any) -> None:
    x = np.arange(6.0).reshape(2, 3)
    mine = from_numpy(x)[index]
    theirs = x[index]
    assert mine.shape == theirs.shape
    assert [float(b.mid()) for b in mine.data.ravel()] == theirs.ravel().tolist()


@pytest.mark.parametrize("shapes", [((3,), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,))])
def test_broadcasting_is_numpys(shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = (np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in shapes)
    x, y = from_numpy(a), from_numpy(b)
    for mine, theirs in ((x * y, a * b), (x - 2, a - 2), (1j / y, 1j / b)):
        assert mine.shape == theirs.shape and (mine.kind == "c") == np.iscomplexobj(theirs)


def test_kinds_are_tracked_like_dtypes() -> None:
    both = Compiled("sqrt(x), sqrt(as_complex(x))", [Input("x", "real", ())])
    real = solve(both, {"x": np.array(-4.0)}, form=DOUBLE)
    assert np.isnan(real.values[0]) and real.values[1] == 2j


def test_literals_of_a_single_precision_case_are_single() -> None:
    found = [solve(Compiled("0.1 * x", [Input("x", "real", ())]), {"x": np.array(1.0)}, form=s).values[0]
             for s in (DOUBLE, SINGLE)]
    assert found[0] == 0.1 and found[1] == float(np.float32(0.1))
    assert state.form is DOUBLE


def test_structure_of_elementwise_and_batched_functions() -> None:
    from harness.reference.function import Problem

    z = np.ones((4, 2, 2)) + np.arange(16).reshape(4, 2, 2) * 0.1
    def groups(text: str) -> int:
        return len(Problem(Compiled(text, [Input("z", "real", z.shape)]), {"z": z}).structure.groups)

    assert groups("sin(z)") == 1
    assert groups("inv(z)") == 4
    assert groups("sum(z, axis=0)") == 4
    assert groups("sum(z)") == 16
    assert groups("einsum('bij,bjk->bik', z, z)") == 4


# --- cache ------------------------------------------------------------------------------------------------------------


def solution_of(text: str, order: int = 1) -> Solution:
    return solve(Compiled(text, [Input("z", "complex", (3,))]), {"z": Z}, form=DOUBLE, order=order)


def same(a: Solution, b: Solution) -> bool:
    pairs = [(a.j, b.j), (a.bound, b.bound), (a.kind, b.kind), (a.plus, b.plus), *zip(a.values, b.values, strict=True)]
    for o in a.hessians:
        pairs += list(zip(a.hessians[o], b.hessians[o], strict=True))
    equal = all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in pairs)
    return equal and a.hessians.keys() == b.hessians.keys()


@pytest.mark.parametrize(
    ("text", "order"), [("sin(z)", 1), ("sqrt(z - z[0]), abs(z - z[1])", 1), ("sum(abs(z)**3)", 2)])
def test_cache_gives_back_what_was_stored(text: str, order: int) -> None:
    s = solution_of(text, order)
    cache = Cache()
    name = key(text, [Input("z", "complex", (3,))], {"z": Z}, form=DOUBLE, order=order)
    assert cache.load(name) is None
    cache.store(name, s)
    back = Cache().load(name)
    assert back is not None and same(s, back) and back.kinds == s.kinds and back.shapes == s.shapes
    assert (back.samples is None) == (s.samples is None)


def test_keys_tell_everything_apart() -> None:
    inputs = [Input("z", "complex", (3,))]
    minus = Z.copy()
    minus.imag[0], minus.real[0] = -0.0, 1.0
    plus = minus.copy()
    plus.imag[0] = 0.0
    keys = [
        key("sin(z)", inputs, {"z": Z}, form=DOUBLE, order=1), key("cos(z)", inputs, {"z": Z}, form=DOUBLE, order=1),
        key("sin(z)", inputs, {"z": Z}, form=SINGLE, order=1), key("sin(z)", inputs, {"z": Z}, form=DOUBLE, order=2),
        key("sin(z)", inputs, {"z": plus}, form=DOUBLE, order=1),
        key("sin(z)", inputs, {"z": minus}, form=DOUBLE, order=1),
        key("sin(z)", [Input("z", "complex", (3,), False)], {"z": Z}, form=DOUBLE, order=1),
        key("sin(z)", inputs, {"z": Z.astype(np.complex64)}, form=DOUBLE, order=1),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key("sin(z)", inputs, {"z": Z.copy()}, form=DOUBLE, order=1)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "rename"])
def test_a_damaged_entry_is_computed_again(damage: str, own_cache: Path) -> None:
    t = task("sin(z)", {"z": Z})
    first = by_quantity(observed(t))
    (path,) = [p for p in own_cache.rglob("*") if p.is_file()]
    data = path.read_bytes()
    if damage == "rename":  # another result under this name
        other = by_quantity(observed(task("cos(z)", {"z": Z})))
        (wrong,) = [p for p in own_cache.rglob("*") if p.is_file() and p != path]
        path.write_bytes(wrong.read_bytes())
        assert other
    else:
        path.write_bytes({"truncate": data[:-9], "flip": data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
                          "empty": b""}[damage])
    again = by_quantity(observed(t))
    assert again.keys() == first.keys()
    assert all(np.array_equal(again[k], first[k], equal_nan=True) for k in first)
    assert path.read_bytes() == data


def test_the_cache_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import harness.reference.solution as module

    t = task("sin(z)", {"z": Z})
    first = by_quantity(observed(t))

    def never(*_: Any, **__: Any) -> Solution:
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "solve", never)
    again = by_quantity(observed(t))
    assert all(np.array_equal(again[k], first[k]) for k in first)


def test_an_unwritable_cache_is_no_error(own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be")
    assert by_quantity(observed(task("sin(z)", {"z": Z})))


def test_the_cache_can_be_off(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "off")
    assert by_quantity(observed(task("sin(z)", {"z": Z})))
    assert not own_cache.exists()


def test_concurrent_writers_leave_a_whole_entry() -> None:
    s = solution_of("sin(z)")
    caches = [Cache() for _ in range(8)]
    threads = [threading.Thread(target=lambda c=c: [c.store("ab" * 32, s) for _ in range(30)]) for c in caches]
    seen: list[bool] = []
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        found = Cache().load("ab" * 32)
        seen.append(found is None or same(found, s))
    assert all(seen)
    assert Cache().load("ab" * 32) is not None
    assert not list(Path(os.environ["HARNESS_CACHE"]).rglob(".new-*"))


def test_the_version_is_the_code() -> None:
    assert len(version()) == 20 and version() == version()


# --- backend ----------------------------------------------------------------------------------------------------------


def test_rows_of_a_smooth_function() -> None:
    found = by_quantity(observed(task("sin(z)", {"z": Z})))
    assert set(found) == {("value", ""), ("differential", "z"), ("bound", "z"), ("class", "z")}
    d = np.cos(Z)
    j = np.block([[np.diag(d.real), -np.diag(d.imag)], [np.diag(d.imag), np.diag(d.real)]])
    np.testing.assert_allclose(found["differential", "z"], j, rtol=1e-15)
    assert found["class", "z"].dtype == np.int8 and not found["class", "z"].any()
    assert found["value", ""].dtype == np.complex128


def test_single_precision_cases_keep_double_truth() -> None:
    z = Z.astype(np.complex64)
    found = by_quantity(observed(task("exp(z)", {"z": z}, dtype="complex64")))
    np.testing.assert_allclose(found["value", ""], np.exp(z.astype(np.complex128)), rtol=1e-15)
    assert found["differential", "z"].dtype == np.float64


def test_several_inputs_and_outputs() -> None:
    x = np.array([0.5, 2.0])
    rows = observed(task("z * x, real(z) + x, i + 1", {"z": Z[:2], "x": x, "i": np.array([1, 2])}))
    kinds = {(r.quantity, r.input, r.output): r.data for r in rows}
    assert kinds["differential", "z", "out0"].shape == (4, 4)
    assert kinds["differential", "x", "out0"].shape == (4, 2)
    assert kinds["differential", "z", "out1"].shape == (2, 4)
    np.testing.assert_array_equal(kinds["differential", "x", "out1"], np.eye(2))
    np.testing.assert_array_equal(kinds["value", "", "out2"], [2, 3])
    assert ("differential", "z", "out2") not in kinds and ("differential", "i", "out0") not in kinds


def test_hessian_rows() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0])
    rows = observed(task("sum(a**2 * b)", {"a": a, "b": b}, order=2, dtype="float64"))
    found = {(r.api, r.quantity, r.input): r.data for r in rows}
    np.testing.assert_array_equal(found["reference", "hessian", "a"], np.diag([6.0, 6.0]))
    np.testing.assert_array_equal(found["reference", "hessian", "a,b"], [[2.0], [4.0]])
    np.testing.assert_array_equal(found["reference", "hessian", "b,a"], [[2.0, 4.0]])
    np.testing.assert_array_equal(found["reference", "hessian", "b"], [[0.0]])
    assert (found["reference-hessian", "bound", "a"] < 1e-50).all()
    assert not found["reference-hessian", "class", "a,b"].any()


def test_native_reference_text_and_callables() -> None:
    native = observed(task("", {"z": Z}, source=Source("native", "z / (1 + exp(-z))")))
    np.testing.assert_allclose(by_quantity(native)["value", ""], Z / (1 + np.exp(-Z)), rtol=1e-15)
    for source in (Source("callable", "os:getcwd"), Source("none", "")):
        (row,) = observed(task("", {"z": Z}, source=source))
        assert row.status == "unsupported" and row.quantity == "value" and row.message


def test_a_function_that_fails_is_an_observation() -> None:
    rows = observed(task("inv(z)", {"z": Z}))
    assert rows and all(r.status in ("error", "refused", "unsupported") for r in rows)


def test_steps_and_skips() -> None:
    points = (Point("p", {"z": Z}), Point("q", {"z": Z + 1}))
    t = task("sin(z)", {"z": Z}, points=points, skip=frozenset({("p", "reference")}))
    items = list(Reference().observe(t))
    assert {i.point for i in items} == {"q"}
    assert items[0] == Step("q", "reference") and items[-1] == Step("q", DONE)


def test_too_slow_a_problem_has_values_alone() -> None:
    big = np.ones((40, 40)) + np.eye(40)
    rows = observed(task("inv(a)", {"a": big}, dtype="float64", seconds=0.01))
    assert [r.quantity for r in rows if r.status == "ok"] == ["value"]
    assert [r.status for r in rows if r.quantity == "differential"] == ["unsupported"]


# --- closed forms -----------------------------------------------------------------------------------------------------


def test_closed_forms() -> None:
    forms = (Derivative("z", "abs(z) + z * conj(z) / (2 * abs(z))", "z**2 / (2 * abs(z))"),)
    rows = observed(task("z * abs(z)", {"z": Z}, derivative=forms))
    closed, own = by_quantity(rows, "closed-form"), by_quantity(rows)
    # |z| z: d/dz = |z| + z conj(z) / (2 |z|), d/dz* = z^2 / (2 |z|)
    np.testing.assert_allclose(closed["differential", "z"], own["differential", "z"], rtol=1e-15, atol=1e-16)


def test_closed_form_of_a_real_function_of_a_complex_input() -> None:
    forms = (Derivative("z", "conj(z)", "z"),)
    rows = observed(task("abs(z)**2", {"z": Z}, derivative=forms))
    np.testing.assert_allclose(
        by_quantity(rows, "closed-form")["differential", "z"],
        np.concatenate([np.diag(2 * Z.real), np.diag(2 * Z.imag)], axis=1), rtol=1e-15)


def test_a_closed_form_of_another_shape_is_an_error() -> None:
    rows = observed(task("sum(z)", {"z": Z}, derivative=(Derivative("z", "1"),)))
    (row,) = [r for r in rows if r.api == "closed-form"]
    assert row.status != "ok" and "elementwise" in row.message


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits() -> None:
    case = Case("c", {"portable": "sqrt(z)"}, (Input("z", "complex", ()),), (), ("complex128",))
    text = digits(case, Point("p", {"z": np.array(2 + 0j)}), "complex128")
    assert "1.41421356237309504880168872421" in text  # sqrt(2)
    assert "0.353553390593273762200422181052" in text  # 1 / (2 sqrt 2)
    own = Case("c", {"jax": "a.b:f"}, (Input("z", "complex", ()),), (), ("complex128",))
    assert digits(own, Point("p", {"z": np.array(2 + 0j)}), "complex128") == ""


# --- finite differences -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize(("f", "derivative"), [
    (np.sin, np.cos), (np.exp, np.exp), (np.log, lambda z: 1 / z), (np.sqrt, lambda z: 0.5 / np.sqrt(z)),
    (lambda z: z**3, lambda z: 3 * z**2), (lambda z: 1 / z, lambda z: -1 / z**2),
    (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
])
@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_bounds_the_error(f: Any, derivative: Any, dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = ((rng.normal(size=4) + 1j * rng.normal(size=4)) * 10.0 ** rng.integers(-6, 2, size=4)).astype(dtype)
    j, error = numeric_differential(lambda a: f(a["z"]), {"z": z}, "z")
    d = derivative(z.astype(np.complex128))
    truth = np.block([[np.diag(d.real), -np.diag(d.imag)], [np.diag(d.imag), np.diag(d.real)]])
    known = np.isfinite(error)
    assert (np.abs(j - truth)[known] <= error[known]).all()
    assert known.mean() > 0.9
    tight = error[known] <= (0.5 if dtype == np.complex64 else 1e-6) * np.abs(d).max()
    assert tight.mean() > 0.9


def test_differences_see_kinks() -> None:
    x = np.array([0.0, 1.0, -2.0])
    j, error = numeric_differential(lambda a: np.abs(a["x"]), {"x": x}, "x")
    assert np.isinf(error[0, 0]) and np.isnan(j[0, 0])
    np.testing.assert_allclose(np.diag(j)[1:], [1.0, -1.0], rtol=1e-10)
    _, error = numeric_differential(lambda a: np.sqrt(a["z"]), {"z": np.array([-1 + 0j])}, "z")
    assert np.isinf(error).any()
    _, error = numeric_differential(lambda a: np.sqrt(a["x"]), {"x": np.array([0.0])}, "x")
    assert np.isinf(error).all()


def test_differences_refuse_too_many_evaluations() -> None:
    with pytest.raises(ValueError, match="evaluations"):
        numeric_differential(lambda a: a["x"], {"x": np.zeros(1000)}, "x")


# --- Clarke hulls -----------------------------------------------------------------------------------------------------


def hulls() -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    yield square, np.array([0.5, 0.5]), True
    yield square, np.array([1.0, 0.3]), True
    yield square, np.array([1.01, 0.3]), False
    yield square, np.array([np.nan, 0.3]), False
    interval = np.array([[-1.0], [1.0]])
    yield interval, np.array([0.0]), True
    yield interval, np.array([1.0]), True
    yield interval, np.array([-1.5]), False
    yield np.array([[2.0, 3.0]]), np.array([2.0, 3.0]), True
    yield np.array([[2.0, 3.0]]), np.array([2.0, 3.1]), False
    yield np.zeros((0, 2)), np.array([0.0, 0.0]), False
    yield 1e-200 * square, 1e-200 * np.array([0.2, 0.7]), True
    yield 1e-200 * square, 1e-200 * np.array([0.2, 1.7]), False
    yield square, np.array([1e300, 0.3]), False
    yield 1e-200 * square, np.array([1e200, 0.3]), False


@pytest.mark.parametrize(("points", "candidate", "expected"), list(hulls()))
def test_hull_membership(points: np.ndarray, candidate: np.ndarray, expected: bool) -> None:
    assert bool(inside(points, candidate, 1e-6)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_convex_combinations_are_inside_and_points_beyond_a_face_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(int(rng.integers(1, 12)), int(rng.integers(1, 6))))
    weights = rng.dirichlet(np.ones(len(points)))
    assert inside(points, weights @ points, 1e-7)
    direction = rng.normal(size=points.shape[1])
    furthest = points[np.argmax(points @ direction)]
    assert not inside(points, furthest + 0.05 * direction / np.linalg.norm(direction), 1e-7)


def test_rows_are_tested_one_by_one() -> None:
    samples = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    candidate = np.array([[0.5, 0.5], [0.9, 0.3]])
    assert rows_inside(samples, candidate, 1e-6).tolist() == [True, False]


def test_the_modulus_at_zero_admits_the_unit_disc() -> None:
    found = solve(Compiled("abs(z)", [Input("z", "complex", ())]), {"z": np.array(0j)}, form=DOUBLE)
    assert found.samples is not None
    for candidate, expected in (([0.0, 0.0], True), ([1.0, 0.0], True), ([0.0, -1.0], True), ([0.5, 0.5], True),
                                ([1.1, 0.0], False), ([0.8, 0.8], False)):
        assert bool(rows_inside(found.samples, np.array([candidate]), 1e-6)[0]) == expected


def test_a_dependence_that_was_missed_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The structure only saves evaluations: were a function to lose its masks, the derivative would still hold."""
    from harness.reference import registry
    from harness.reference.ball_arrays import Array
    from harness.reference.namespace import namespace

    def forgetful(x: Any) -> Array:
        return Array(x.data.sum(keepdims=True).repeat(3) * x.data, x.kind, None)

    monkeypatch.setitem(registry._FUNCTIONS, "square", forgetful)
    namespace.cache_clear()
    try:
        found = solve(Compiled("square(z) + z", [Input("z", "complex", (3,))]), {"z": Z}, form=DOUBLE)
    finally:
        monkeypatch.undo()
        namespace.cache_clear()
    d = np.sum(Z) * np.eye(3) + Z[:, None] + np.eye(3)
    np.testing.assert_allclose(found.j, np.block([[d.real, -d.imag], [d.imag, d.real]]), rtol=1e-14)
    assert (found.kind == 0).all()


@pytest.mark.parametrize("exponent", [1, 2, 3, 4])
def test_integer_powers_of_a_ball_around_zero(exponent: int) -> None:
    """(x + h) - (x - h) with a cancelled middle is such a ball; FLINT's own power of it is NaN."""
    from harness.reference.ball_arrays import Array, boxed, power

    ball = arb(0, arb(1) / 8)
    (found,) = power(Array(boxed(ball).reshape(1), "r"), from_numpy(np.array([exponent]))).data.tolist()
    assert found.contains(0) and found.contains(arb(1) / 8**exponent)
    assert abs(found).upper() <= arb(1) / 8**exponent * (1 + arb(2) ** -20)
    assert found.contains(-(arb(1) / 8**exponent)) == bool(exponent % 2)


def test_a_padded_array_keeps_its_structure() -> None:
    """More than 63 elements, so that the bits do not fit into a machine word."""
    function = Compiled("pad(x, (1, 2)) * 2", (Input("x", "real", (70,)),))
    found = solve(function, {"x": np.arange(70.0)}, form=DOUBLE).j
    expected = np.zeros((73, 70))
    expected[np.arange(70) + 1, np.arange(70)] = 2
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_what_elimination_is_small_beside(n: int) -> None:
    """|L| |U| with SciPy's factors."""
    r = np.random.default_rng(n)
    a = r.normal(size=(n, n)) + 1j * r.normal(size=(n, n))
    p, lower, upper = scipy.linalg.lu(a)
    assert np.allclose(eliminated(a), p @ np.abs(lower) @ np.abs(upper), rtol=1e-12)
    assert not eliminated(np.zeros((n, n))).any()
