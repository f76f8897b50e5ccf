"""Who is wrong, and differences that are nobody's fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.formats import DOUBLE
from tests.comparison.build import Table, case, holomorphic, observe, run

NAN, INF = float("nan"), float("inf")
SMOOTH, KINK, CUT, POLE, REMOVABLE, UNKNOWN, GAUGE = range(7)
J = holomorphic(1 + 2j, -3 + 1j)
VALUE = np.array([1 + 1j, 2 - 1j])
CASE = case(shape=(2,))
REAL = case(kind="real", dtypes=("float64",))


def referee(
    table: Table, j: Any, *, bound: Any = 0.0, kind: Any = SMOOTH, plus: Any = None, minus: Any = None,
    value: Any = None, dtype: str = "complex128", api: str = "reference", suffix: str = "",
) -> Table:
    """Rows as the reference backend writes them."""
    j = np.asarray(j, float)
    if value is not None:
        table.add("reference", "value", value, api=api, dtype=dtype)
    table.add("reference", "differential", j, api=api, dtype=dtype)
    table.add("reference", "bound", np.broadcast_to(np.asarray(bound, float), j.shape), api=api + suffix, dtype=dtype)
    table.add("reference", "class", np.broadcast_to(np.asarray(kind, np.int8), j.shape), api=api + suffix, dtype=dtype)
    for name, side in (("plus", plus), ("minus", minus)):
        if side is not None:
            data = np.broadcast_to(np.asarray(side, float), j.shape)
            table.add("reference", name, data, api=api + suffix, dtype=dtype)
    return table


def scalar(left: float, right: float, value: Any = (0.0, 0.0)) -> Table:
    """Two backends on a real function of one real number."""
    table = Table()
    for backend, d, v in (("torch.func", left, value[0]), ("jax", right, value[1])):
        observe(table, backend, np.array([[d]]), np.float64(v), (), in_complex=False, dtype="float64")
    return table


def between(frame: pd.DataFrame, left: str = "torch.func", right: str = "jax") -> pd.DataFrame:
    return frame[(frame["left"] == left) & (frame["right"] == right)]


def derived(frame: pd.DataFrame, quantity: str = "differential") -> set[tuple[str, str, str]]:
    part = frame[frame["quantity"] == quantity]
    return set(part[["verdict", "culprit", "evidence"]].astype(str).itertuples(index=False, name=None))


def complex_pair(left: Any, right: Any) -> Table:
    table = Table()
    observe(table, "torch.func", np.asarray(left, float), VALUE, (2,))
    return observe(table, "jax", np.asarray(right, float), VALUE, (2,))


# -- culprits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "right", "culprit"), [(J, -J, "jax"), (-J, J, "torch.func"), (2 * J, -J, "both")])
def test_the_side_that_is_far_from_the_truth(left: Any, right: Any, culprit: str) -> None:
    frame = run(referee(complex_pair(left, right), J, value=VALUE), [CASE])
    found = between(frame)
    assert {c for _, c, _ in derived(found)} == {culprit}
    assert {e for _, _, e in derived(found)} == {"reference"}
    # Native APIs are charged with the same evidence.
    assert {c for v, c, _ in derived(found, "raw") if v != "agree"} == {culprit}
    for backend, own in (("torch.func", left), ("jax", right)):
        against = between(frame, backend, "reference")
        assert {c for _, c, _ in derived(against)} == ({""} if np.array_equal(own, J) else {backend})


def test_without_evidence_nobody_is_accused() -> None:
    frame = run(complex_pair(J, -J), [CASE])
    assert set(frame["culprit"]) == {""}
    assert set(frame["evidence"].astype(str)) == {""}


def test_a_majority_is_not_evidence() -> None:
    table = complex_pair(J, -J)
    observe(table, "torch.autograd", J, VALUE, (2,))
    assert set(run(table, [CASE])["culprit"]) == {""}


def test_a_bound_that_is_not_far_below_an_ulp_is_no_evidence() -> None:
    eps = 2.0**-52
    for bound, decided in ((1e-3 * eps, True), (eps, False), (1e-6, False), (NAN, False)):
        frame = run(referee(complex_pair(J, -J), J, bound=bound, value=VALUE), [CASE])
        assert (set(frame["culprit"]) != {""}) == decided, bound
    # The reference does not disagree either where it is not sure; it refuses.
    against = between(run(referee(complex_pair(J, -J), J, bound=1e-6, value=VALUE), [CASE]), "jax", "reference")
    assert derived(against) == {("unsupported", "", "")}


def test_an_ulp_is_that_of_the_dtype() -> None:
    table = Table()
    for backend, j in (("torch.func", J), ("jax", -J)):
        observe(table, backend, j, VALUE, (2,), dtype="complex64")
    referee(table, J, bound=1e-12, value=VALUE, dtype="complex64")
    frame = run(table, [case(shape=(2,), dtypes=("complex64",))])
    assert "jax" in set(between(frame)["culprit"])


@pytest.mark.parametrize("kind", [KINK, CUT, POLE, UNKNOWN, GAUGE])
def test_only_entries_with_a_derivative_accuse(kind: int) -> None:
    frame = run(referee(complex_pair(J, -J), J, kind=kind, value=VALUE), [CASE])
    assert set(frame["culprit"]) == {""}


def test_nan_at_a_removable_singularity() -> None:
    """sinc at 0: the limit is right and a NaN is a defect."""
    table = referee(scalar(0.0, NAN), [[0.0]], kind=REMOVABLE, value=np.float64(0), dtype="float64")
    frame = run(table, [REAL])
    assert derived(between(frame)) == {("nonfinite", "jax", "reference")}
    assert derived(between(frame, "jax", "reference")) == {("nonfinite", "jax", "reference")}
    assert derived(between(frame, "torch.func", "reference")) == {("agree", "", "")}


def test_both_wrong_and_equal_is_seen_against_the_reference() -> None:
    """Both backends return NaN where there is a derivative: that is no agreement."""
    frame = run(referee(scalar(NAN, NAN), [[1.0]], value=np.float64(0), dtype="float64"), [REAL])
    assert derived(between(frame)) == {("nonfinite", "both", "reference")}
    for backend in ("torch.func", "jax"):
        assert derived(between(frame, backend, "reference")) == {("nonfinite", backend, "reference")}


def test_one_wrong_element_among_singular_ones() -> None:
    """Only the smooth element is evidence; the other differs at a kink."""
    left, right = np.diag([1.0, 0.0]), np.diag([-1.0, 1.0])
    kind = np.array([[SMOOTH, SMOOTH], [SMOOTH, KINK]])
    table = Table()
    for backend, j in (("torch.func", left), ("jax", right)):
        observe(table, backend, j, np.zeros(2), (2,), in_complex=False, dtype="float64")
    referee(table, np.diag([1.0, NAN]), kind=kind, plus=np.eye(2), minus=-np.eye(2), value=np.zeros(2), dtype="float64")
    frame = run(table, [case(kind="real", shape=(2,), dtypes=("float64",))])
    found = between(frame)
    assert derived(found) == {("sign", "jax", "reference")}
    assert found.loc[found["quantity"] == "differential", "note"].str.contains("elsewhere a kink").all()


def test_closed_forms_come_first() -> None:
    """Where the case states its derivative, that decides, and a reference that says otherwise is not heard."""
    table = referee(complex_pair(J, -J), -J, value=VALUE)
    table.add("reference", "differential", J, api="closed-form")
    found = between(run(table, [CASE]))
    assert derived(found) == {("sign", "jax", "closed-form")}


def test_a_closed_form_alone_is_compared_with() -> None:
    table = complex_pair(J, -J)
    table.add("reference", "differential", J, api="closed-form")
    frame = run(table, [CASE])
    assert derived(between(frame, "jax", "reference")) == {("sign", "jax", "closed-form")}


def differences(table: Table, backend: str, estimate: Any, bound: float) -> Table:
    estimate = np.asarray(estimate, float)
    table.add(backend, "differential", estimate, api="finite-differences")
    return table.add(backend, "bound", np.full(estimate.shape, bound), api="finite-differences")


def test_finite_differences_of_each_side() -> None:
    table = complex_pair(J, -J)
    for backend in ("torch.func", "jax"):
        differences(table, backend, J * (1 + 1e-8), 1e-6)
    found = between(run(table, [CASE]))
    assert derived(found) == {("sign", "jax", "finite-differences")}


@pytest.mark.parametrize(
    ("estimate", "bound"), [(J, 10.0), (J * 1.3, 1e-6), (-1.7 * J, 1e-6), (J, NAN), (J * NAN, 1e-6)]
)
def test_finite_differences_that_do_not_separate_are_not_used(estimate: Any, bound: float) -> None:
    """Too coarse; or far from both sides, so that the estimate itself is in doubt; or not converged."""
    table = complex_pair(J, -J)
    for backend in ("torch.func", "jax"):
        differences(table, backend, estimate, bound)
    assert set(run(table, [CASE])["culprit"]) == {""}


def test_finite_differences_of_one_side_only() -> None:
    table = differences(complex_pair(J, -J), "jax", J, 1e-9)
    assert set(run(table, [CASE])["culprit"]) == {""}


# -- nobody's fault ---------------------------------------------------------------------------------------------------


def test_kink() -> None:
    """abs at 0: torch says 0, jax says 1, both within [-1, 1]."""
    table = referee(scalar(0.0, 1.0), [[NAN]], kind=KINK, plus=1.0, minus=-1.0, value=np.float64(0), dtype="float64")
    frame = run(table, [REAL])
    assert derived(between(frame)) == {("choice", "", "")}
    assert {v for v, _, _ in derived(between(frame), "raw")} == {"choice"}
    for backend in ("torch.func", "jax"):
        assert derived(between(frame, backend, "reference")) == {("agree", "", "")}


@pytest.mark.parametrize("outside", [2.0, -1.5, NAN, INF])
def test_outside_the_one_sided_derivatives_is_no_choice(outside: float) -> None:
    table = scalar(0.0, outside)
    referee(table, [[NAN]], kind=KINK, plus=1.0, minus=-1.0, value=np.float64(0), dtype="float64")
    found = between(run(table, [REAL]))
    assert "choice" not in {v for v, _, _ in derived(found)}
    assert found.loc[found["quantity"] == "differential", "surprising"].all()


def test_branch_cut() -> None:
    """sqrt on the negative axis: each side follows one of the limits +-i/2, with values that differ as well."""
    up, down = holomorphic(-0.5j), holomorphic(0.5j)
    for values in ((1j, 1j), (1j, -1j)):
        table = Table()
        observe(table, "torch.func", up, np.complex128(values[0]))
        observe(table, "jax", down, np.complex128(values[1]))
        referee(table, up, kind=CUT, plus=up, minus=down, value=np.complex128(1j))
        found = between(run(table, [case()]))
        assert derived(found) == {("branch", "", "")}
        assert {v for v, _, _ in derived(found, "value")} == ({"agree"} if values[0] == values[1] else {"branch"})
    table = Table()
    observe(table, "torch.func", up, np.complex128(1j))
    observe(table, "jax", 3 * down, np.complex128(1j))
    referee(table, up, kind=CUT, plus=up, minus=down, value=np.complex128(1j))
    assert {v for v, _, _ in derived(between(run(table, [case()])))} == {"factor"}


def test_pole() -> None:
    """1/z at 0: the patterns are reported, nobody is accused."""
    table = referee(scalar(-INF, NAN, (INF, INF)), [[NAN]], kind=POLE, value=np.float64(INF), dtype="float64")
    found = between(run(table, [REAL]))
    assert derived(found) == {("nonfinite", "", "")}
    assert found.loc[found["quantity"] == "differential", "note"].str.startswith("a pole").all()
    against = between(run(table, [REAL]), "torch.func", "reference")
    assert derived(against) == {("unsupported", "", "")}


def test_gauge() -> None:
    """U of an SVD: values and derivatives depend on a free phase."""
    table = Table()
    observe(table, "torch.func", J, VALUE, (2,))
    observe(table, "jax", -J, -VALUE, (2,))
    referee(table, J, kind=GAUGE, value=VALUE)
    frame = run(table, [CASE])
    assert derived(between(frame)) == {("gauge", "", "")}
    assert {v for v, _, _ in derived(between(frame), "value")} == {"gauge"}


def test_where_a_value_is_wrong_the_derivative_is_judged_as_well() -> None:
    table = referee(scalar(1.0, 2.0, (1.0, 3.0)), [[1.0]], value=np.float64(1), dtype="float64")
    found = between(run(table, [REAL]))
    values = found["quantity"] == "value"
    assert set(found.loc[values, "verdict"].astype(str)) == {"value"}
    assert set(found["culprit"]) == {"jax"}
    assert "value" not in set(found.loc[~values, "verdict"].astype(str))


def test_a_value_that_the_reference_leaves_open_accuses_nobody() -> None:
    for value, point in ((NAN, 1.0), (NAN, INF)):
        table = referee(scalar(1.0, 2.0, (1.0, 3.0)), [[1.0]], value=np.float64(value), dtype="float64")
        frame = run(table, [case(kind="real", dtypes=("float64",), points={"p": np.float64(point)})])
        assert set(frame.loc[frame["quantity"] == "value", "culprit"]) == {""}


def test_forward_mode_alone_is_wrong() -> None:
    """On the API axis too: pullback against pushforward of one backend, decided by the reference."""
    table = Table()
    observe(table, "torch.func", J, VALUE, (2,))
    for row in table.rows:
        if row["api"] == "pushforward":
            row["data"] = (2 * J).tobytes()
    referee(table, J, value=VALUE)
    frame = run(table, [CASE], "api")
    assert derived(frame) == {("factor", "torch.func:pushforward", "reference")}


def test_second_order() -> None:
    """The Hessian of a real loss, refereed by rows of its own."""
    h = np.array([[2.0, 1.0], [1.0, 4.0]])
    table = Table()
    for backend, own in (("torch.func", h), ("jax", -h)):
        table.add(backend, "value", np.float64(1))
        table.add(backend, "hessian", own, api="forward-over-reverse")
    table.add("reference", "value", np.float64(1), api="reference")
    table.add("reference", "hessian", h, api="reference")
    table.add("reference", "bound", 0 * h, api="reference-hessian")
    table.add("reference", "class", np.zeros(h.shape, np.int8), api="reference-hessian")
    frame = run(table, [case()])
    assert derived(between(frame), "hessian") == {("sign", "jax", "reference")}
    # A bound of the first derivative says nothing about the second.
    for row in table.rows:
        row["api"] = row["api"].replace("-hessian", "")
    assert derived(between(run(table, [case()])), "hessian") == {("sign", "", "")}


# -- what must not be held against anybody ----------------------------------------------------------------------------


def test_a_nan_that_spreads_from_a_singular_element() -> None:
    """d f_0 / d z_1 is 0 whatever happens at z_1; 0 * NaN makes it NaN in every backend, and nobody is accused."""
    left = np.array([[1.0, NAN], [NAN, NAN]])
    table = Table()
    for backend in ("torch.func", "jax"):
        observe(table, backend, left, np.zeros(2), (2,), in_complex=False, dtype="float64")
    kind = np.array([[SMOOTH, SMOOTH], [SMOOTH, POLE]])
    referee(table, np.diag([1.0, NAN]), kind=kind, plus=np.eye(2), minus=np.diag([1.0, -1.0]), value=np.zeros(2),
            dtype="float64")
    frame = run(table, [case(kind="real", shape=(2,), dtypes=("float64",))])
    assert set(frame["culprit"]) == {""}
    # A NaN in an element that has nothing to do with the singular one is a defect all the same.
    for row in table.rows:
        if row["backend"] == "jax" and row["quantity"] == "differential":
            row["data"] = np.array([[NAN, 0.0], [0.0, NAN]]).tobytes()
        if row["backend"] == "reference" and row["quantity"] == "class":
            row["data"] = np.zeros((2, 2), np.int8).tobytes()
    assert "jax" in set(run(table, [case(kind="real", shape=(2,), dtypes=("float64",))])["culprit"])


def test_a_number_that_is_singular_in_one_argument_accuses_in_none() -> None:
    """|x| + y at x = 0 has a partial derivative by y and no differential."""
    table = Table()
    for backend, j in (("torch.func", [[0.0, 1.0]]), ("jax", [[0.0, 5.0]])):
        observe(table, backend, np.array(j), np.float64(0), (2,), in_complex=False, dtype="float64")
    referee(table, [[NAN, 1.0]], kind=[[KINK, SMOOTH]], plus=[[1.0, 1.0]], minus=[[-1.0, 1.0]], value=np.float64(0),
            dtype="float64")
    frame = run(table, [case(kind="real", shape=(2,), dtypes=("float64",))])
    assert set(frame["culprit"]) == {""}
    assert "agree" not in {v for v, _, _ in derived(between(frame))}


@pytest.mark.parametrize("bad", [NAN, INF])
def test_at_infinite_arguments_limits_are_judged_and_nothing_else(bad: float) -> None:
    """A real function has the limits that the reference found, entry by entry; complex infinities are a convention."""
    for kind, who in ((REMOVABLE, "jax" if np.isinf(bad) else ""), (UNKNOWN, "")):
        table = referee(scalar(0.0, NAN), [[0.0]], kind=kind, value=np.float64(0), dtype="float64")
        frame = run(table, [case(kind="real", dtypes=("float64",), points={"p": np.float64(bad)})])
        assert derived(between(frame, "jax", "reference")) == {
            ("nonfinite", "jax", "reference") if who else ("unsupported", "", "")}
        assert {c for _, c, _ in derived(between(frame))} == {who}
    table = Table()
    observe(table, "torch.func", 0 * holomorphic(1), np.complex128(0))
    observe(table, "jax", NAN * holomorphic(1), np.complex128(0))
    referee(table, 0 * holomorphic(1), value=np.complex128(0))
    frame = run(table, [case(points={"p": np.complex128(bad)})])
    assert set(frame["culprit"]) == {""}
    assert derived(between(frame, "jax", "reference")) == {("unsupported", "", "")}
    # 1e200 is infinite in single precision, and only there.
    for dtype, kind, who in (("float32", UNKNOWN, ""), ("float64", SMOOTH, "jax")):
        table = Table()
        for backend, d in (("torch.func", 0.0), ("jax", 1.0)):
            observe(table, backend, np.array([[d]]), np.float64(0), (), in_complex=False, dtype=dtype)
        referee(table, [[0.0]], kind=kind, value=np.float64(0), dtype=dtype)
        frame = run(table, [case(kind="real", dtypes=(dtype,), points={"p": np.float64(1e200)})])
        assert {c for _, c, _ in derived(between(frame))} == {who}


def test_the_reference_is_never_the_culprit() -> None:
    table = referee(complex_pair(J, J), -J, value=VALUE)
    table.add("reference", "differential", J, api="closed-form")
    frame = run(table, [CASE])
    assert set(frame["culprit"]) == {""}


def test_rounding_noise_accuses_nobody() -> None:
    """A derivative that vanishes because a phase cancels: 1e-17 against an exact 0, in a function of size 1."""
    left, right = np.array([[2.0, 3e-17]]), np.array([[2.0, -1e-17]])
    table = Table()
    for backend, j in (("torch.func", left), ("jax", right)):
        table.add(backend, "value", np.float64(1.0), dtype="float64")
        table.differential(backend, j, dtype="float64")
    referee(table, [[2.0, 0.0]], value=np.float64(1.0), dtype="float64")
    real = case(kind="real", shape=(2,), dtypes=("float64",), points={"p": np.array([0.5, 1.5])})
    frame = run(table, [real])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    # Alone in its row there is nothing to measure it against: a difference, but no evidence.
    table = Table()
    for backend, d in (("torch.func", 3e-17), ("jax", -1e-17)):
        table.add(backend, "value", np.float64(1.0), dtype="float64")
        table.differential(backend, [[d]], dtype="float64")
    referee(table, [[0.0]], value=np.float64(1.0), dtype="float64")
    frame = run(table, [case(kind="real", dtypes=("float64",), points={"p": np.float64(0.5)})])
    assert set(frame["culprit"]) == {""}


def test_a_small_derivative_with_the_wrong_sign_is_accused() -> None:
    """cos at 1e-7: the derivative is small because the point is near an extremum, not because anything cancels."""
    d = -np.sin(1e-7)
    table = referee(scalar(d, -d, (1.0, 1.0)), [[d]], value=np.float64(1), dtype="float64")
    frame = run(table, [case(kind="real", dtypes=("float64",), points={"p": np.float64(1e-7)})])
    assert derived(between(frame)) == {("sign", "jax", "reference")}


def test_the_mixed_block_of_a_hessian_is_part_of_one_matrix() -> None:
    """Zero by symmetry, computed as rounding noise: judged against the blocks beside it and below it."""
    from harness.model import Case, Input, Point

    inputs = (Input("w", "real", (1,)), Input("z", "real", (1,)))
    arrays = {"w": np.ones(1), "z": np.ones(1)}
    both = Case("f", {"portable": "f(w, z)"}, inputs, (Point("p", arrays),), ("float64",), order=2)
    table = Table()
    for backend, noise in (("torch.func", 1e-16), ("jax", -2e-16)):
        table.add(backend, "value", np.float64(1.0), dtype="float64")
        for name, entry in (("w", 2.0), ("z", 3.0), ("w,z", noise), ("z,w", noise)):
            table.add(backend, "hessian", np.array([[entry]]), api="forward-over-reverse", input=name, dtype="float64")
    assert set(run(table, [both])["verdict"].astype(str)) == {"agree"}
    for row in table.rows:
        if row["backend"] == "jax" and row["input"] == "w,z":
            row["data"] = np.array([[1e-3]]).tobytes()
    assert "agree" not in set(run(table, [both]).query("input == 'w,z'")["verdict"].astype(str))


def test_functions_of_hermitian_matrices() -> None:
    """Off the domain each framework continues the function as it likes; along it the derivatives have to agree."""
    domain = np.array([[0.5, 0.5], [0.5, 0.5]])  # only the symmetric direction is allowed
    left, right = np.array([[1.0, 1.0]]), np.array([[2.0, 0.0]])  # the same sum along (1, 1)
    real = case(kind="real", shape=(2,), dtypes=("float64",))

    def table(second: np.ndarray) -> Table:
        out = Table()
        for backend, j in (("torch.func", left), ("jax", second)):
            out.add(backend, "value", np.float64(1.0), dtype="float64")
            out.differential(backend, j, dtype="float64")
        referee(out, [[1.0, 1.0]], kind=7, value=np.float64(1.0), dtype="float64")
        return out.add("reference", "domain", domain, api="reference", dtype="float64")

    frame = run(table(right), [real])
    assert derived(between(frame)) == {("choice", "", "")}
    assert derived(between(frame, "jax", "reference")) == {("agree", "", "")}
    # A native API that goes along one of the other directions shows what its differential shows.
    other = table(right)
    for backend, entry in (("torch.func", 1.0), ("jax", 2.0)):
        other.add(backend, "raw", np.float64(entry), api="jvp", dtype="float64")
    assert {v for v, _, _ in derived(between(run(other, [real])), "raw")} == {"choice"}
    wrong = run(table(np.array([[2.0, 1.0]])), [real])
    assert {c for _, c, _ in derived(between(wrong))} == {"jax"}
    assert derived(between(wrong, "torch.func", "reference")) == {("agree", "", "")}


def test_values_at_a_pole_and_on_a_cut() -> None:
    table = referee(scalar(-INF, NAN, (INF, NAN)), [[NAN]], kind=POLE, value=np.float64(NAN), dtype="float64")
    frame = run(table, [REAL])
    assert {v for v, _, _ in derived(between(frame), "value")} == {"nonfinite"}
    assert {v for v, _, _ in derived(between(frame, "torch.func", "reference"), "value")} == {"unsupported"}
    up = holomorphic(-0.5j)
    for other, verdict in ((-1j, "branch"), (3j, "value")):
        table = Table()
        observe(table, "torch.func", up, np.complex128(1j))
        observe(table, "jax", -up, np.complex128(other))
        referee(table, up, kind=CUT, plus=up, minus=-up, value=np.complex128(1j))
        for quantity, side in (("value-plus", 1j), ("value-minus", -1j)):
            table.add("reference", quantity, np.complex128(side), api="reference", input="")
        assert {v for v, _, _ in derived(between(run(table, [case()])), "value")} == {verdict}


@pytest.mark.parametrize(("moves", "accused"), [(0.0, True), (1e-7, True), (1e-3, False)])
def test_what_the_rounding_of_the_point_explains_is_nobody_s_fault(moves: float, accused: bool) -> None:
    """An error of 1 % is held against a side unless the derivative itself moves by a sixtieth of that."""
    table = complex_pair(J, J * 1.01)
    referee(table, J, value=VALUE)
    table.add("reference", "stability", np.full(J.shape, moves), api="reference")
    frame = run(table, [CASE])
    named = {culprit for _, culprit, _ in derived(between(frame))}
    assert named == ({"jax"} if accused else {""})


# -- texts that cannot be taken apart, digits, second order ------------------------------------------------------------


def native(sides: tuple[Any, Any], values: tuple[Any, Any], estimate: Any, bound: Any) -> Table:
    """Two sides of real functions of three numbers without a text for the reference, and their own differences."""
    table = Table()
    for backend, j, value in (("torch.func", sides[0], values[0]), ("jax", sides[1], values[1])):
        observe(table, backend, np.array([j], float), np.float64(value), (3,), in_complex=False, dtype="float64")
        table.add(backend, "differential", np.array([estimate], float), api="finite-differences", dtype="float64")
        table.add(backend, "bound", np.array([bound], float), api="finite-differences", dtype="float64")
    return table


THREE = case(kind="real", shape=(3,), dtypes=("float64",))


@pytest.mark.parametrize(("estimate", "bound"), [([0, 0, 2e-15], [3e-13, 1e-14, 3e-14]), ([NAN] * 3, [INF] * 3)])
def test_what_a_sum_leaves_of_zero_is_nothing(estimate: Any, bound: Any) -> None:
    """sum(softmax(x)) in native spelling: 1e-17 against 0, where differences of the values show no derivative."""
    table = native(([0, 0, 0], [1e-17, -4e-17, 8e-17]), (2.2e-16, 2.7e-16), estimate, bound)
    frame = run(table, [THREE])
    assert set(frame["culprit"]) == {""} and not frame["surprising"].any()
    assert set(frame["verdict"].astype(str)) == {"agree"}
    # A function that is small itself shows its derivative: one that is lost is no rounding.
    small = native(([0, 0, 0], [1e-17, -4e-17, 8e-17]), (1e-17, 1e-17), [1e-17, -4e-17, 8e-17], [1e-24] * 3)
    assert {v for v, _, _ in derived(between(run(small, [THREE])))} == {"zero"}


def test_agreement_on_nan_where_the_values_have_a_derivative() -> None:
    table = native(([1, NAN, 0], [1, NAN, 0]), (1, 1), [1, 0.5, 0], [1e-9] * 3)
    assert derived(between(run(table, [THREE]))) == {("nonfinite", "both", "finite-differences")}


def test_precision_has_a_ceiling() -> None:
    """One operation that is a million units in the last place off is named; a thousand are not."""
    for off, who in ((1e-9, "jax"), (1e-12, "")):
        table = referee(scalar(1.0, 1 + off), [[1.0]], value=np.float64(0), dtype="float64")
        found = between(run(table, [REAL]))
        found = found[found["quantity"] == "differential"]
        assert set(found["culprit"]) == {who} and set(found["verdict"].astype(str)) <= {"agree", "precision"}
        assert found["surprising"].all() == bool(who)
    table = referee(scalar(1.0, 1.0, (1.0, 1 + 1e-9)), [[1.0]], value=np.float64(1), dtype="float64")
    values = run(table, [REAL]).query("quantity == 'value'")
    assert set(values["culprit"]) == {"jax", ""} and values[values["culprit"] == "jax"]["surprising"].all()


def test_a_side_that_is_wrong_elsewhere_is_named_too() -> None:
    """They differ in the first entry, where jax is wrong; in the second both are, by the same amount."""
    table = Table()
    for backend, j in (("torch.func", [[1.0, 5.0]]), ("jax", [[7.0, 5.0]])):
        observe(table, backend, np.array(j), np.float64(0), (2,), in_complex=False, dtype="float64")
    referee(table, [[1.0, 2.0]], value=np.float64(0), dtype="float64")
    frame = run(table, [case(kind="real", shape=(2,), dtypes=("float64",))])
    assert {c for _, c, _ in derived(between(frame))} == {"both"}


def test_nan_at_a_kink_is_said_of_raw_results_as_well() -> None:
    table = referee(scalar(NAN, NAN), [[NAN]], kind=KINK, plus=1.0, minus=-1.0, value=np.float64(0), dtype="float64")
    found = between(run(table, [REAL]))
    for quantity in ("differential", "raw"):
        assert derived(found, quantity) == {("nonfinite", "both", "reference")}
    against = between(run(table, [REAL]), "jax", "reference")
    assert derived(against) == {("nonfinite", "jax", "reference")}


@pytest.mark.parametrize(("text", "x", "off", "who", "verdict"), [
    ("sin(x) / x", 1e-5, 1e-5, "formula", "precision"), ("sin(x) / x", 0.7, 1e-3, "jax", "mismatch"),
    ("(1 - cos(x)) / x**2", 1e-4, 1e-3, "formula", "precision"), ("abs(x)**2", 0.0, -2.0, "formula", "choice"),
    ("abs(x)**2", 0.5, -2.0, "jax", "zero"), ("x * x", 0.0, -2.0, "jax", "zero"),
])
def test_a_second_derivative_is_the_formulas_where_a_first_one_loses_digits(
    text: str, x: float, off: float, who: str, verdict: str
) -> None:
    from harness.model import Case, Input, Point
    from harness.reference.function import Compiled
    from harness.reference.solution import solve

    inputs = (Input("x", "real", ()),)
    s = solve(Compiled(text, inputs), {"x": np.array(x)}, form=DOUBLE, order=2)
    h, bound, kind, *_ = s.hessians[0]
    table = Table().add("jax", "value", s.values[0], dtype="float64")
    table.add("jax", "differential", s.j, api="pullback", dtype="float64", input="x")
    table.add("jax", "hessian", h + off, api="forward-over-reverse", dtype="float64", input="x")
    for quantity, data, api in (
        ("value", s.values[0], "reference"), ("differential", s.j, "reference"), ("bound", s.bound, "reference"),
        ("class", s.kind, "reference"), ("hessian", h, "reference"), ("bound", bound, "reference-hessian"),
        ("class", kind, "reference-hessian"),
    ):
        table.add("reference", quantity, data, api=api, dtype="float64", input="" if quantity == "value" else "x")
    one = Case("f", {"portable": text}, inputs, (Point("p", {"x": np.array(x)}),), ("float64",), order=2)
    assert derived(run(table, [one]), "hessian") == {(verdict, who, "reference")}
