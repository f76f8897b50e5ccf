"""Properties of verdicts on random differentials, and of whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.comparison import VERDICTS, judge
from harness.comparison.batch import judge_batch
from harness.comparison.tolerance import tolerances
from harness.comparison.value_kinds import Form, close, scale
from tests.comparison.build import JAX_APIS, TORCH_APIS, Table, case, observe, run

#: Numbers of ordinary size that are not near zero, so that nothing vanishes by accident.
number = st.one_of(st.floats(0.1, 50), st.floats(-50, -0.1))
sides = st.tuples(st.booleans(), st.booleans())


@st.composite
def differential(draw: st.DrawFn) -> tuple[np.ndarray, bool, bool]:
    out, into = draw(sides)
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape = (m * (1 + out), n * (1 + into))
    return draw(hnp.arrays(float, shape, elements=number)), out, into


def _d(size: int, active: bool) -> np.ndarray:
    return np.diag(np.repeat([1.0, -1.0], size // 2)) if active else np.eye(size)


@given(differential())
def test_a_matrix_agrees_with_itself_up_to_rounding(j: tuple[np.ndarray, bool, bool]) -> None:
    matrix, out, into = j
    assert judge(matrix, matrix, out_complex=out, in_complex=into).verdict == "agree"
    near = matrix * (1 + 2.0**-50)
    assert judge(near, matrix, out_complex=out, in_complex=into).verdict == "agree"


@given(differential())
def test_negation_is_sign(j: tuple[np.ndarray, bool, bool]) -> None:
    matrix, out, into = j
    found = judge(-matrix, matrix, out_complex=out, in_complex=into)
    # Where all of a J is in one half, a sign cannot be told from a conjugation; here every entry is present.
    assert (found.verdict, found.relation) == ("sign", "negated")


@given(differential(), st.sampled_from(["input", "output", "both"]))
def test_conjugation_is_conjugate(j: tuple[np.ndarray, bool, bool], side: str) -> None:
    matrix, out, into = j
    left_side, right_side = side in ("output", "both"), side in ("input", "both")
    assume((not left_side or out) and (not right_side or into))
    other = _d(matrix.shape[0], left_side) @ matrix @ _d(matrix.shape[1], right_side)
    found = judge(other, matrix, out_complex=out, in_complex=into)
    assert (found.verdict, found.relation) == ("conjugate", "conjugate")
    assert "conjugation" not in found.blind
    words = {"input": "on the input side", "output": "on the output side", "both": "on the input and the output side"}
    assert words[side] in found.note
    negated = judge(-other, matrix, out_complex=out, in_complex=into)
    assert (negated.verdict, negated.relation) == ("conjugate", "negated-conjugate")


@given(differential(), st.sampled_from([0.5, 2.0, -0.5, -2.0, 3.0, 1.7, 0.01]))
def test_a_constant_ratio_is_a_factor(j: tuple[np.ndarray, bool, bool], ratio: float) -> None:
    matrix, out, into = j
    assume(matrix.size > 1 or ratio in (0.5, 2.0, -0.5, -2.0, 3.0))
    found = judge(ratio * matrix, matrix, out_complex=out, in_complex=into)
    assert found.verdict == "factor"
    assert found.factor == pytest.approx(ratio)


@given(differential(), st.booleans())
def test_lost_parts_and_zeros(j: tuple[np.ndarray, bool, bool], real: bool) -> None:
    matrix, out, into = j
    assert judge(0 * matrix, matrix, out_complex=out, in_complex=into).verdict == "zero"
    for axis, active in ((1, into), (0, out)):
        if active:
            keep = np.repeat([1.0, 0.0] if real else [0.0, 1.0], matrix.shape[axis] // 2)
            cut = matrix * (keep if axis else keep[:, None])
            for found in (judge(cut, matrix, out_complex=out, in_complex=into),
                          judge(matrix, cut, out_complex=out, in_complex=into)):
                assert (found.verdict, found.relation) == ("part", "real-part" if real else "imag-part")


@given(differential(), st.data(), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_nan_and_infinities_never_equal_a_number(
    j: tuple[np.ndarray, bool, bool], data: st.DataObject, bad: float
) -> None:
    matrix, out, into = j
    at = data.draw(st.integers(0, matrix.size - 1))
    other = matrix.copy()
    other.flat[at] = bad
    for left, right in ((other, matrix), (matrix, other)):
        assert judge(left, right, out_complex=out, in_complex=into).verdict == "nonfinite"
    assert judge(other, other, out_complex=out, in_complex=into).verdict == "agree"
    negated = judge(other, -other, out_complex=out, in_complex=into)
    assert negated.verdict not in ("agree", "precision") or (np.isnan(bad) and matrix.size == 1)


anything = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(hnp.arrays(float, (2, 4), elements=anything), hnp.arrays(float, (2, 4), elements=anything))
def test_agreement_means_what_the_documentation_says(left: np.ndarray, right: np.ndarray) -> None:
    """`agree` and `precision`, entry by entry and without array tricks."""
    tol = tolerances("float64")
    found = judge(left, right)
    worst = 0  # 0 agree, 1 precision, 2 worse
    for i in range(2):
        for k in range(4):
            a, b = float(left[i, k]), float(right[i, k])
            if (np.isnan(a) and np.isnan(b)) or a == b:
                continue
            if not (np.isfinite(a) and np.isfinite(b)):
                worst = 2
                continue
            row = max((abs(x) for x in [*left[i], *right[i]] if np.isfinite(x)), default=0.0)
            column = max((abs(x) for x in [*left[:, k], *right[:, k]] if np.isfinite(x)), default=0.0)
            size, delta = max(abs(a), abs(b), min(row, column)), abs(a - b)
            if not delta <= tol.fine * size:
                worst = max(worst, 1 if delta <= tol.coarse * size or delta < tol.tiny else 2)
    assert (found.verdict == "agree") == (worst == 0)
    assert (found.verdict == "precision") == (worst == 1)


@given(differential(), st.data())
def test_verdicts_are_symmetric_except_for_the_ratio(j: tuple[np.ndarray, bool, bool], data: st.DataObject) -> None:
    matrix, out, into = j
    change = st.sampled_from([1.0, -1.0, 2.0, 0.0, 1 + 1e-9, np.nan])
    other = matrix * data.draw(hnp.arrays(float, matrix.shape, elements=change))
    one = judge(matrix, other, out_complex=out, in_complex=into)
    two = judge(other, matrix, out_complex=out, in_complex=into)
    assert one.verdict == two.verdict
    assert one.max_abs == two.max_abs or (np.isnan(one.max_abs) and np.isnan(two.max_abs))


# -- batches and tables -----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_batch_is_judged_as_its_members_are(seed: int) -> None:
    """Nothing of one pair leaks into another."""
    random = np.random.default_rng(seed)
    form = Form(True, 2, 2, True, True)
    right = random.normal(size=(24, 16)) * 10.0 ** random.integers(-5, 5, size=(24, 1))
    left = right.copy()
    for k in range(24):
        left[k] = _spoiled(left[k], k, random)
    a, b = form.blocks(left), form.blocks(right)
    tol = tolerances("complex128")
    together = judge_batch(form, a, b, tol)
    for k in range(24):
        alone = judge(left[k].reshape(4, 4), right[k].reshape(4, 4), out_complex=True, in_complex=True)
        assert VERDICTS[together.verdict[k]] == alone.verdict
        assert together.note[k] == alone.note
        assert np.array_equal(together.max_rel[k], alone.max_rel, equal_nan=True)


def _spoiled(row: np.ndarray, kind: int, random: np.random.Generator) -> np.ndarray:
    out = row.copy()
    at = random.integers(0, out.size)
    match kind % 8:
        case 1:
            out *= -1
        case 2:
            out *= 2
        case 3:
            out[at] = np.nan
        case 4:
            out *= 0
        case 5:
            out[at] *= 1 + 1e-9
        case 6:
            out[at] += 1
        case 7:
            out = np.where(np.arange(16) % 4 >= 2, -out, out)
    return out


@given(hnp.arrays(float, (2, 2, 3, 2), elements=anything))
def test_close_is_reflexive_and_the_scale_is_never_below_an_entry(blocks: np.ndarray) -> None:
    assert close(blocks, blocks, 1e-12, 0.0).all()
    size = scale(blocks, blocks)
    assert np.isfinite(size).all()
    finite = np.where(np.isfinite(blocks), np.abs(blocks), 0)
    assert (size[..., None] >= finite).all()


def random_table(seed: int) -> tuple[Table, list[object]]:
    """Two backends on 12 places, some of them wrong in various ways, some rows missing or refused."""
    random = np.random.default_rng(seed)
    points = {f"p{k}": np.ones(2) for k in range(12)}
    table = Table()
    for k, point in enumerate(points):
        j = random.normal(size=(4, 4))
        value = random.normal(size=2) + 1j * random.normal(size=2)
        other = _spoiled(j.reshape(-1), k, random).reshape(4, 4)
        observe(table, "torch.func", j, value, (2,), point=point, apis=TORCH_APIS)
        observe(table, "jax", other, value, (2,), point=point, apis=JAX_APIS)
    table.rows = [r for k, r in enumerate(table.rows) if k % 17 != 5]
    for k in range(3, len(table.rows), 13):
        table.rows[k].update(status="refused", data=None, shape=None, kind="", error="TypeError", message="no")
    return table, [case(shape=(2,), points=points)]


@pytest.mark.parametrize("axis", ["backend", "api"])
def test_the_order_of_rows_does_not_matter(axis: str) -> None:
    table, cases = random_table(1)
    first = run(table, cases, axis)  # type: ignore[arg-type]
    names = [r["backend"] for r in table.rows]
    for seed in range(3):
        shuffled = Table()
        order = np.random.default_rng(seed).permutation(len(table.rows))
        # The header is made from the order of first appearance, which must not matter either.
        shuffled.rows = [table.rows[k] for k in order]
        second = run(shuffled, cases, axis)  # type: ignore[arg-type]
        assert first.astype(str).equals(second.astype(str))
    assert len(set(names)) == 2


def test_every_differential_row_is_judged_as_judge_does() -> None:
    """The table's path and the single pair's path give the same answer for all pairs that have data."""
    table, cases = random_table(7)
    frame = run(table, cases)  # type: ignore[arg-type]
    rows = {(r["backend"], r["point"], r["api"]): r for r in table.rows if r["quantity"] == "differential"}
    blocked = set(frame.loc[frame["verdict"].astype(str) == "value", "point"].astype(str))
    checked = 0
    for row in frame[frame["quantity"] == "differential"].itertuples():
        sides = [rows.get((backend, str(row.point), str(row.api))) for backend in ("torch.func", "jax")]
        if any(s is None or s["status"] != "ok" for s in sides) or str(row.point) in blocked:
            continue
        left, right = (np.frombuffer(s["data"]).reshape(s["shape"]) for s in sides if s)
        alone = judge(left, right, out_complex=True, in_complex=True)
        assert (str(row.verdict), str(row.blind)) == (alone.verdict, alone.blind)
        assert row.max_rel == alone.max_rel or (np.isnan(row.max_rel) and np.isnan(alone.max_rel))
        checked += 1
    assert checked > 12
