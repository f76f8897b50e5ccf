"""The accuracy table: errors in ulp that are known because they were put there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cli import main
from harness.cli.accuracy import terminal
from harness.comparison import CompareError
from harness.comparison.accuracy import COLUMNS, accuracy_of_tables
from harness.model import Case, Input, Point
from tests.comparison.build import Table, case, header, holomorphic, run
from tests.in_process import InProcess

NAN, INF = float("nan"), float("inf")
SMOOTH, KINK, CUT, POLE, REMOVABLE, UNKNOWN, GAUGE, DOMAIN = range(8)
ULP = 2.0**-52  # at 1 <= |x| < 2
TINY = float(np.finfo(np.float64).tiny)
VALUE = np.complex128(1 + 1j)


def truth(table: Table, j: Any, value: Any, *, kind: Any = SMOOTH, bound: Any = 0.0, **where: Any) -> Table:
    """What the reference writes: its value, J, bound and class."""
    j = np.asarray(j, float)
    table.add("reference", "value", np.asarray(value), api="reference", **where)
    for quantity, data in (("differential", j), ("bound", np.broadcast_to(np.asarray(bound, float), j.shape)),
                           ("class", np.broadcast_to(np.asarray(kind, np.int8), j.shape))):
        table.add("reference", quantity, data, api="reference", **where)
    return table


def returned(table: Table, backend: str, j: Any, value: Any, forward: Any = None, **where: Any) -> Table:
    table.add(backend, "value", np.asarray(value), **where)
    return table.differential(backend, j, forward, **where)


def table_of(table: Table, *cases: Case, **options: Any) -> pd.DataFrame:
    names = list(dict.fromkeys(r["backend"] for r in table.rows))
    return accuracy_of_tables([table.frame()], [header(*names)], [cases], **options)


def one(
    j: Any, right: Any, value: Any = VALUE, true: Any = VALUE, *, of: str = "complex", dtype: str = "complex128",
    at: Any = 1.0, shape: tuple[int, ...] = (), **facts: Any,
) -> dict[str, Any]:
    """The pullback's row for one backend at one point; {} where nothing counted."""
    table = truth(returned(Table(), "jax", j, value, dtype=dtype), right, true, dtype=dtype, **facts)
    frame = table_of(table, case(kind=of, shape=shape, points={"p": np.full(shape, at)}, dtypes=(dtype,)))
    rows = frame[frame["api"].isin(["pullback", ""])].to_dict("records")
    return rows[0] if rows else {}


def change(j: Any, *changes: tuple[int, int, float]) -> np.ndarray:
    out = np.array(j, float)
    for row, column, delta in changes:
        out[row, column] += delta
    return out


D = holomorphic(1.5 + 0.5j)  # u_x = v_y = 1.5, v_x = -u_y = 0.5


@pytest.mark.parametrize(("j", "dz", "dzbar"), [
    (D, 0, 0),
    (change(D, (0, 0, 4 * ULP)), 2, 2),  # u_x alone: half of it in each
    (change(D, (0, 0, 4 * ULP), (1, 1, 4 * ULP)), 4, 0),  # still holomorphic
    (change(D, (0, 0, 4 * ULP), (1, 1, -4 * ULP)), 0, 4),  # d/dz is right, d/dz* ought to vanish
    (change(D, (1, 0, 3 * ULP), (0, 1, -3 * ULP)), 3, 0),  # v_x - u_y: the imaginary part of d/dz
    (change(D, (1, 0, 3 * ULP), (0, 1, 3 * ULP)), 0, 3),
])
def test_the_pair_of_a_holomorphic_function(j: np.ndarray, dz: float, dzbar: float) -> None:
    row = one(j, D)
    assert (row["dz_worst"], row["dzbar_worst"]) == (dz, dzbar)
    assert (row["value_worst"], row["points"], row["at"]) == (0, 1, "p")


def test_an_antiholomorphic_function_is_measured_against_its_other_half() -> None:
    j = D * [[1, 1], [-1, -1]]  # conj of it: d/dz vanishes, d/dz* does not
    row = one(change(j, (0, 0, 4 * ULP), (1, 1, 4 * ULP)), j)
    assert (row["dz_worst"], row["dzbar_worst"]) == (4, 0)


def test_a_real_output_has_ulps_of_the_pair_not_of_j() -> None:
    """grad = (3, 4): d/dz = 1.5 - 2i; an error of 2^-50 in u_x is 2^-51 of d/dz, one spacing at 2."""
    row = one([[3 + 2.0**-50, 4]], [[3.0, 4]], np.float64(1), np.float64(1))
    assert (row["dz_worst"], row["dzbar_worst"]) == (1, 1)


def test_a_real_input_has_the_ordinary_derivative_and_no_other() -> None:
    row = one([[1 + 5 * ULP]], [[1.0]], np.float64(1 + 2 * ULP), np.float64(1), of="real", dtype="float64")
    assert (row["dz_worst"], row["value_worst"]) == (5, 2)
    assert np.isnan(row["dzbar_worst"]) and np.isnan(row["dzbar_median"])


def test_the_ulp_is_that_of_the_dtype() -> None:
    step = 2.0**-23
    j = change(D, (0, 0, 6 * step), (1, 1, 6 * step))
    row = one(j, D, np.complex64(1 + 7 * step + 1j), np.complex128(1 + 1j), dtype="complex64")
    assert (row["dz_worst"], row["dzbar_worst"], row["value_worst"]) == (6, 0, 7)


def test_a_value_counts_both_parts_against_the_larger() -> None:
    row = one(D, D, np.complex128(1 + 3 * ULP + 1e-30j), np.complex128(1 + 0j))
    assert row["value_worst"] == 3
    assert one(D, D, complex(1, 2 * ULP), complex(1, 0))["value_worst"] == 2


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_what_is_not_finite_is_an_infinite_error(bad: float, place: tuple[int, int]) -> None:
    j = D.copy()
    j[place] = bad
    row = one(j, D, complex(NAN, 1))
    assert (row["dz_worst"], row["dzbar_worst"], row["value_worst"]) == (INF, INF, INF)


@pytest.mark.parametrize("j", [D, change(D, (0, 0, 1.0)), np.full((2, 2), NAN)])
@pytest.mark.parametrize("facts", [
    *({"kind": k} for k in (KINK, CUT, POLE, UNKNOWN, GAUGE, DOMAIN)),
    {"bound": ULP}, {"bound": NAN}, {"kind": [[SMOOTH, SMOOTH], [SMOOTH, POLE]]},
])
def test_nothing_counts_without_a_sure_derivative(j: np.ndarray, facts: dict[str, Any]) -> None:
    row = one(j, D, **facts)
    assert not row or np.isnan([row["dz_worst"], row["dzbar_worst"], row["dz_median"], row["dzbar_median"]]).all()


@pytest.mark.parametrize("facts", [{"kind": REMOVABLE}, {"bound": 1e-3 * ULP}])
def test_a_removable_singularity_and_a_small_bound_count(facts: dict[str, Any]) -> None:
    assert one(np.full((2, 2), NAN), D, **facts)["dz_worst"] == INF


@pytest.mark.parametrize("at", [INF, NAN, complex(0, INF)])
def test_an_argument_that_is_not_finite_does_not_count(at: complex) -> None:
    assert one(np.full((2, 2), NAN), D, complex(NAN), at=at) == {}


def test_a_truth_that_is_not_finite_in_the_dtype_does_not_count() -> None:
    assert one([[INF]], [[1e39]], np.float32(INF), np.float64(1e39), of="real", dtype="float32") == {}
    assert one([[INF]], [[1e38]], np.float32(1), np.float64(1), of="real", dtype="float32")["dz_worst"] == INF
    assert one([[1.0]], [[NAN]], np.float64(1), np.float64(NAN), of="real", dtype="float64") == {}


def test_a_singular_element_takes_its_row_and_column_with_it() -> None:
    """0 * NaN spoils the neighbours of the first element; the second one is judged by itself."""
    kind = [[POLE, SMOOTH], [SMOOTH, SMOOTH]]
    for second, error in ((1 + 3 * ULP, 3), (NAN, INF)):
        j, right = [[NAN, NAN], [NAN, second]], [[NAN, 0.0], [0.0, 1.0]]
        more: dict[str, Any] = {"of": "real", "dtype": "float64", "shape": (2,), "kind": kind}
        assert one(j, right, np.ones(2), np.ones(2), **more)["dz_worst"] == error
    more["kind"] = SMOOTH
    dense = one([[1.0, NAN], [1.0, 1.0]], np.ones((2, 2)), np.ones(2), np.ones(2), **more)
    assert dense["dz_worst"] == INF  # but where nothing is singular, nothing excuses a NaN


def test_below_the_smallest_normal_number_only_what_is_not_finite_is_an_error() -> None:
    def real(j: float, right: float) -> float:
        return float(one([[j]], [[right]], 1.0, 1.0, of="real", dtype="float64")["dz_worst"])

    assert real(0.0, 0.5 * TINY) == 0.5 and real(0.0, 5e-324) < 1e-15
    assert real(NAN, 5e-324) == INF and real(INF, 0.0) == INF
    assert real(1e-200, 0.0) > 1e15 and real(0.0, 1e-200) > 1e15 and real(0.0, 0.0) == 0


def test_nothing_overflows() -> None:
    big = 1.7e308
    wrong = -holomorphic(complex(big, big))
    row = one(wrong, -wrong)
    assert 2**52 < row["dz_worst"] < 2**55 and row["dzbar_worst"] == 0


def test_a_value_on_a_branch_cut_or_in_a_gauge_does_not_count() -> None:
    def value(*sides: complex, kind: int = SMOOTH) -> float:
        table = truth(returned(Table(), "jax", D, -1 + 1j), D, 1 + 1j, kind=kind)
        for name, side in zip(("value-plus", "value-minus"), sides, strict=False):
            table.add("reference", name, np.complex128(side), api="reference", input="")
        frame = table_of(table, case())
        return float(frame["value_worst"].max()) if len(frame) else NAN

    assert value() > 1e15 and value(1 + 1j, 1 + 1j) > 1e15 and value(kind=KINK) > 1e15
    assert np.isnan(value(1 + 1j, 1 - 1j)) and np.isnan(value(kind=GAUGE))


def test_worst_median_the_point_and_the_order() -> None:
    table, errors = Table(), {"a": 1, "b": 8, "c": 2, "d": 4}
    points = {**dict.fromkeys(errors, 1.0), "pole": 1.0}
    for name, error in errors.items():
        step = error * ULP
        returned(table, "jax", [[1 + step]], 1.0, [[1.0]], dtype="float64", point=name)
        returned(table, "torch.func", [[1.0]], 1.0 + 3 * ULP, dtype="float64", point=name)
        truth(table, [[1.0]], 1.0, dtype="float64", point=name)
    returned(table, "jax", [[NAN]], NAN, dtype="float64", point="pole")
    truth(table, [[NAN]], NAN, kind=POLE, dtype="float64", point="pole")
    frame = table_of(table, case(kind="real", points=points, dtypes=("float64",)))
    assert tuple(frame.columns) == COLUMNS
    shown = frame.drop(columns=["case", "dtype", "dzbar_worst", "dzbar_median"])
    got = [tuple(r) for r in shown.itertuples(index=False)]
    assert got == [
        ("jax", "pullback", 4, 0, 0, 8, 3, "b"),
        ("torch.func", "pullback", 4, 3, 3, 0, 0, "a"),
        ("torch.func", "pushforward", 4, 3, 3, 0, 0, "a"),
        ("jax", "pushforward", 4, 0, 0, 0, 0, "a"),
    ]
    narrowed = table_of(table, case(kind="real", points=points, dtypes=("float64",)), select=["f@[ac]"])
    assert narrowed.loc[narrowed["backend"] == "jax", "dz_worst"].max() == 2


def test_the_worst_input_and_entry_speak_for_a_point() -> None:
    table = Table()
    table.add("jax", "value", np.float64(1), dtype="float64")
    table.add("reference", "value", np.float64(1), api="reference", dtype="float64")
    for name, error in (("a", 2), ("b", 5)):
        table.add("jax", "differential", [[1.0, 1 + error * ULP]], api="pullback", input=name, dtype="float64")
        for quantity, data in (("differential", [[1.0, 1.0]]), ("bound", [[0.0, 0.0]]),
                               ("class", np.zeros((1, 2), np.int8))):
            table.add("reference", quantity, data, api="reference", input=name, dtype="float64")
    inputs = tuple(Input(n, "real", (2,)) for n in "ab")
    point = Point("p", {n: np.ones(2) for n in "ab"})
    frame = table_of(table, Case("f", {"portable": "f(a, b)"}, inputs, (point,), ("float64",)))
    assert list(frame["dz_worst"]) == [5] and list(frame["api"]) == ["pullback"] and list(frame["points"]) == [1]


def test_a_function_without_a_counted_derivative_keeps_its_value() -> None:
    table = Table().add("jax", "value", VALUE * (1 + 2 * ULP)).add("reference", "value", VALUE, api="reference")
    frame = table_of(table, case())
    assert list(frame["api"]) == [""] and list(frame["value_worst"]) == [2] and frame["dz_worst"].isna().all()


def test_without_the_reference_there_is_no_table() -> None:
    with pytest.raises(CompareError, match="needs the reference"):
        table_of(returned(Table(), "jax", D, VALUE), case())


def test_the_unit_is_that_of_the_comparison() -> None:
    """Of a value and of an ordinary derivative the error is the frame's own `ulp`, at any scale and for dense J."""
    rng = np.random.default_rng(5)
    table, points = Table(), {}
    for k in range(40):
        size = 10.0 ** rng.uniform(-200, 200)
        j, value = rng.normal(size=(3, 2)) * size, rng.normal(size=3) * size
        noisy = [x * (1 + rng.integers(-9, 9, x.shape) * ULP) for x in (j, value)]
        points[f"p{k}"] = np.ones(2)
        returned(table, "jax", noisy[0], noisy[1], dtype="float64", point=f"p{k}")
        truth(table, j, value, dtype="float64", point=f"p{k}")
    f = case(kind="real", shape=(2,), points=points, dtypes=("float64",))
    for name in points:
        row = table_of(table, f, select=[f"f@{name}"])
        frame = run(table, [f], select=[f"f@{name}"])
        ulp = frame.groupby(frame["quantity"].astype(str))["ulp"].max()
        assert row["dz_worst"].max() == pytest.approx(ulp["differential"], abs=0) and ulp["differential"] > 0
        assert row["value_worst"].max() == pytest.approx(ulp["value"], abs=0)


# -- a real run and the command ---------------------------------------------------------------------------------------

CASES = """
cases:
  - id: exp
    function: exp(z)
    inputs: {z: complex}
    points: {generic: {z: 0.5-2j}, left: {z: -3+1j}}
    dtype: complex128
  - id: sinc
    function: sinc(z)
    inputs: {z: complex}
    points: {generic: {z: 1+2j}, tiny: {z: 1e-200+1e-200j}}
    dtype: complex128
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("accuracy")
    (folder / "cases.yaml").write_text(CASES)
    backends = ["torch.func", "jax", "reference"]
    harness.run(folder / "cases.yaml", output=folder / "run", backends=backends, executor=InProcess(), progress=False)
    return folder / "run"


def test_a_recorded_run(recorded: Path) -> None:
    """exp is accurate to a few ulp; of sinc' at 1e-200(1+1j), -(1+1j) pi^2/3 1e-200, no framework has a digit."""
    frame = harness.accuracy(recorded)
    assert list(frame.columns) == list(COLUMNS)
    keys = ["case", "backend", "api"]
    assert len(frame) == 8 and frame.set_index(keys).index.is_unique and set(frame["points"]) == {2}
    assert list(frame["case"]) == ["sinc"] * 4 + ["exp"] * 4  # the worst first
    exp, sinc = frame[frame["case"] == "exp"], frame[frame["case"] == "sinc"]
    assert (exp[["value_worst", "dz_worst", "dzbar_worst"]] <= 8).all(axis=None)
    assert (exp[["dz_worst"]] > 0).any(axis=None), "no float64 exp is exact everywhere"
    assert (sinc["dz_worst"] > 2.0**50).all() and set(sinc["at"]) == {"tiny"}
    assert set(harness.accuracy([recorded], select=["exp@left"])["case"]) == {"exp"}


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown", "parquet"])
def test_the_command(form: str, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out"
    assert main(["accuracy", str(recorded), "--format", form, "--output", str(file)]) == 0
    assert capsys.readouterr().out == ""
    expected = harness.accuracy(recorded)
    if form == "table":
        lines = file.read_text().splitlines()
        assert len(lines) == 10 and lines[2].startswith("sinc") and "/" in lines[2]
    elif form == "markdown":
        assert file.read_text().count("\n") == 10
    elif form == "json":
        assert [r["at"] for r in json.loads(file.read_text())] == list(expected["at"])
    else:
        read = pd.read_csv if form == "csv" else pd.read_parquet
        pd.testing.assert_frame_equal(read(io.BytesIO(file.read_bytes())), expected, check_dtype=False)


def test_the_command_narrows_and_refuses(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accuracy", str(recorded), "--select", "exp", "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert "sinc" not in out and "3 more rows" in out
    assert main(["accuracy", str(recorded), "--select", "nothing"]) == 2
    assert "no case matches 'nothing'" in capsys.readouterr().err
    assert main(["accuracy", str(recorded / "absent")]) == 2


@pytest.mark.parametrize("size", [80, 100, 120])
def test_the_table_fits_and_its_numbers_are_whole(size: int) -> None:
    row = {"case": "a-function-with-quite-a-long-name", "dtype": "complex128", "backend": "torch.autograd",
           "api": "pushforward", "points": 32, "at": "a-point-with-a-long-name"}
    numbers = {f"{n}_{w}": v for n, v in (("value", 4.5e15), ("dz", 887.4), ("dzbar", 1e-30)) for w in
               ("worst", "median")}
    text = terminal(pd.DataFrame([{**row, **numbers}]), 0, size)
    assert max(map(len, text.splitlines())) <= size
    assert all(x in text for x in ("4.5e15/4.5e15", "887/887", "<.01/<.01", "c128", " fwd "))
