"""Which rows are compared with which, and that nothing vanishes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.comparison import COLUMNS, CompareError, Comparison, compare_tables
from harness.selection import NothingSelected
from tests.comparison.build import JAX_APIS, TORCH_APIS, Table, case, header, holomorphic, observe, run

J = holomorphic(1 + 2j, -3 + 1j)
VALUE = np.array([1 + 1j, 2 - 1j])
SHAPE = (2,)
CASE = case(shape=SHAPE)


def both(**right: Any) -> Table:
    table = Table()
    observe(table, "torch.func", J, VALUE, SHAPE)
    return observe(table, "jax", right.pop("j", J), right.pop("value", VALUE), SHAPE, **right)


def words(frame: pd.DataFrame, *columns: str) -> set[tuple[str, ...]]:
    return set(frame[list(columns)].astype(str).itertuples(index=False, name=None))


def test_columns_and_kinds() -> None:
    frame = run(both(), [CASE])
    assert isinstance(frame, Comparison)
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    for column in ("case", "verdict", "relation", "left", "right", "quantity", "axis"):
        assert isinstance(frame[column].dtype, pd.CategoricalDtype), column
    assert frame["surprising"].dtype == bool
    assert set(frame["left"].astype(str)) == {"torch.func"}
    assert set(frame["right"].astype(str)) == {"jax"}
    assert not frame["surprising"].any()


def test_conventions_are_removed_and_told() -> None:
    """torch's gradient is u_x + i u_y, jax's its conjugate: the verdict is agree, the relation conjugate."""
    frame = run(both(), [CASE])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    raw = frame[frame["quantity"] == "raw"]
    assert words(raw, "api", "relation") == {
        ("backward | grad", "conjugate"), ("vjp", "conjugate"), ("jacrev", "conjugate"), ("jvp", "equal"),
        ("jacfwd", "equal"),
    }
    assert set(frame.loc[frame["quantity"] != "raw", "relation"].astype(str)) == {"equal"}


def test_a_wrong_sign_in_the_header_is_found_out() -> None:
    """An API that claims torch's convention and returns jax's is `conjugate`, not `agree`."""
    table = both()
    heads = header("torch.func", "jax")
    for target in heads["targets"]:
        target["apis"] = [[a[0], a[1], a[2], 1] for a in target["apis"]]
    frame = compare_tables([table.frame()], [heads], [[CASE]])
    raw = frame[frame["quantity"] == "raw"].set_index("api")["verdict"].astype(str)
    assert raw["jacrev"] == "conjugate"
    assert raw["jacfwd"] == "agree"


def test_several_apis_with_one_question_meet_all_of_the_other_side() -> None:
    table = Table()
    observe(table, "torch.autograd", J, VALUE, SHAPE, apis=[*TORCH_APIS, ["grad", "gradient", "gradient", 1]])
    observe(table, "jax", J, VALUE, SHAPE, apis=[*JAX_APIS, ["value_and_grad", "gradient", "gradient", -1]])
    heads = header("torch.autograd", "jax")
    heads["targets"][0]["apis"] = [*TORCH_APIS, ["grad", "gradient", "gradient", 1]]
    heads["targets"][1]["apis"] = [*JAX_APIS, ["value_and_grad", "gradient", "gradient", -1]]
    frame = compare_tables([table.frame()], [heads], [[CASE]])
    apis = {a for a in frame["api"].astype(str) if "grad" in a or "backward" in a}
    assert apis == {"backward | grad", "backward | value_and_grad", "grad", "grad | value_and_grad"}


def test_frameworks_meet_each_other_and_the_reference() -> None:
    table = both()
    observe(table, "torch.autograd", J, VALUE, SHAPE)
    table.add("reference", "value", VALUE, api="reference").add("reference", "differential", J, api="reference")
    frame = run(table, [CASE])
    assert words(frame, "left", "right") == {
        ("torch.autograd", "torch.func"), ("torch.autograd", "jax"), ("torch.func", "jax"),
        ("torch.autograd", "reference"), ("torch.func", "reference"), ("jax", "reference"),
    }
    against = frame[frame["right"] == "reference"]
    assert words(against, "api", "quantity") == {
        ("", "value"), ("pullback", "differential"), ("pushforward", "differential")
    }
    assert set(against["verdict"].astype(str)) == {"agree"}


def test_facts_are_not_results() -> None:
    table = both()
    table.add("reference", "value", VALUE, api="reference").add("reference", "differential", J, api="reference")
    for quantity in ("bound", "plus", "minus"):
        table.add("reference", quantity, 0 * J, api="reference")
    table.add("jax", "differential", 7 * J, api="finite-differences")
    frame = run(table, [CASE])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    assert set(frame["quantity"].astype(str)) == {"value", "differential", "raw"}


# -- nothing vanishes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["torch.func", "jax"])
@pytest.mark.parametrize("quantity", ["value", "differential", "raw"])
def test_a_missing_row_is_a_row(side: str, quantity: str) -> None:
    table = both()
    for k, row in enumerate(table.rows):
        if row["backend"] == side and row["quantity"] == quantity and row["api"] in ("", "pullback", "jacrev"):
            del table.rows[k]
            break
    # ... at another point of the case the row is there, so the API was asked.
    observe(table, "torch.func", J, VALUE, SHAPE, point="q")
    observe(table, "jax", J, VALUE, SHAPE, point="q")
    frame = run(table, [case(shape=SHAPE, points={"p": np.ones(2), "q": np.ones(2)})])
    lost = frame[frame["verdict"] == "error"]
    assert len(lost) == 1
    assert lost["note"].iloc[0] == f"no observation of {side}"
    assert lost["surprising"].all()
    statuses = ("absent", "ok") if side == "torch.func" else ("ok", "absent")
    assert words(lost, "left_status", "right_status") == {statuses}
    assert len(frame) == len(run(_two_points(), [CASE]))


def _two_points() -> Table:
    table = both()
    observe(table, "torch.func", J, VALUE, SHAPE, point="q")
    return observe(table, "jax", J, VALUE, SHAPE, point="q")


def test_a_missing_point_and_a_missing_case_are_rows() -> None:
    whole = len(run(both(), [CASE]))
    table = _two_points()
    table.rows = [r for r in table.rows if not (r["backend"] == "jax" and r["point"] == "q")]
    frame = run(table, [CASE])
    assert (frame["verdict"] == "error").sum() == whole
    other = both()
    observe(other, "torch.func", J, VALUE, SHAPE, case="g")
    frame = run(other, [CASE, case("g", shape=SHAPE)])
    assert (frame["verdict"] == "error").sum() == whole


def test_an_api_that_the_other_side_does_not_have_is_not_missing() -> None:
    table = both()
    table.rows = [r for r in table.rows if not (r["backend"] == "jax" and r["api"] == "jacfwd")]
    frame = run(table, [CASE])
    assert "jacfwd" not in set(frame["api"].astype(str))
    assert set(frame["verdict"].astype(str)) == {"agree"}


def test_another_run_owes_only_what_it_planned() -> None:
    left, right = Table(), Table()
    for name in ("f", "g"):
        observe(left, "torch.func", J, VALUE, SHAPE, case=name)
    observe(right, "jax", J, VALUE, SHAPE)
    cases = [CASE, case("g", shape=SHAPE)]
    tables, heads = [left.frame(), right.frame()], [header("torch.func"), header("jax")]
    closed = compare_tables(tables, heads, [cases, [CASE]])
    assert set(closed["case"].astype(str)) == {"f"}
    interrupted = compare_tables(tables, heads, [cases, cases], complete=[True, False])
    lost = interrupted[interrupted["verdict"] == "error"]
    assert set(lost["case"].astype(str)) == {"g"}
    assert len(lost) == len(run(both(), [CASE]))
    assert set(lost["note"]) == {"no observation of jax (the run is incomplete)"}


# -- refusals and failures --------------------------------------------------------------------------------------------


def test_one_side_refuses() -> None:
    table = both()
    for row in table.rows:
        if row["backend"] == "jax" and row["api"] == "grad":
            row.update(status="refused", data=None, shape=None, kind="", error="TypeError", message="needs real output")
    frame = run(table, [CASE])
    refused = frame[frame["verdict"] == "unsupported"]
    assert refused["note"].tolist() == ["jax refuses: TypeError: needs real output"]
    assert refused["right_status"].tolist() == ["refused"]
    assert not refused["surprising"].any()
    assert refused["max_abs"].isna().all()


def test_both_refuse() -> None:
    table = both()
    for row in table.rows:
        if row["api"] in ("grad", "backward"):
            row.update(status="refused", data=None, shape=None, kind="", error="E", message=row["backend"])
    note = run(table, [CASE]).query("verdict == 'unsupported'")["note"].tolist()
    assert note == ["both refuse: torch.func: E: torch.func; jax: E: jax"]


def test_no_spelling_of_the_whole_case_speaks_through_every_row() -> None:
    table = observe(Table(), "torch.func", J, VALUE, SHAPE)
    table.add("jax", "value", status="unsupported", output="", message="jnp has no lerp")
    frame = run(table, [CASE])
    assert words(frame, "verdict", "quantity", "api") == {
        ("unsupported", "value", ""), ("unsupported", "differential", "pullback"),
        ("unsupported", "differential", "pushforward"),
    }
    assert set(frame["note"]) == {"jax cannot spell this: jnp has no lerp"}
    neither = Table()
    for backend in ("torch.func", "jax"):
        neither.add(backend, "value", status="unsupported", output="", message="no such name")
    assert run(neither, [CASE])["note"].tolist() == ["both refuse: no such name"]


@pytest.mark.parametrize(("status", "verb"), [("crash", "crashed"), ("timeout", "timed out"), ("error", "fails")])
def test_a_failure_of_a_step_covers_what_it_cost(status: str, verb: str) -> None:
    """The executor records a death once, without input and output."""
    table = both()
    table.rows = [r for r in table.rows if not (r["backend"] == "jax" and r["api"] == "pullback")]
    lost = {"input": "", "output": "", "status": status, "error": "SIGSEGV", "message": "gone"}
    table.add("jax", "differential", api="pullback", **lost)
    frame = run(table, [CASE])
    failed = frame[frame["verdict"] == status]
    assert words(failed, "api", "input", "output") == {("pullback", "z", "out")}
    assert failed["note"].tolist() == [f"jax {verb}: SIGSEGV: gone"]
    assert failed["surprising"].all()
    assert "error" not in set(frame["verdict"].astype(str)) - {status}


def test_a_crash_that_cost_nothing_else_is_still_a_row() -> None:
    """A shared compilation that died and was done without afterwards."""
    table = both()
    table.add("jax", "raw", api="compile", input="", output="", status="crash", error="SIGABRT", message="LLVM")
    frame = run(table, [CASE])
    assert (frame["verdict"] == "crash").sum() == 1
    assert frame.loc[frame["verdict"] == "crash", "surprising"].all()


def test_a_crash_does_not_hide_behind_a_refusal() -> None:
    table = both()
    for row in table.rows:
        if row["api"] == "jacrev":
            status = "crash" if row["backend"] == "jax" else "refused"
            row.update(status=status, data=None, shape=None, kind="", error="", message="x")
    frame = run(table, [CASE])
    assert frame.loc[frame["api"] == "jacrev", "verdict"].astype(str).tolist() == ["crash"]


# -- values -----------------------------------------------------------------------------------------------------------


def test_different_values_end_the_matter() -> None:
    frame = run(both(value=VALUE + 1, j=-J), [CASE])
    assert set(frame["verdict"].astype(str)) == {"value"}
    derived = frame[frame["quantity"] != "value"]
    assert set(derived["note"]) == {"the function values differ; the derivatives are not judged"}


def test_different_values_at_one_point_do_not_block_another() -> None:
    table = both(value=VALUE + 1)
    observe(table, "torch.func", J, VALUE, SHAPE, point="q")
    observe(table, "jax", J, VALUE, SHAPE, point="q")
    frame = run(table, [CASE])
    assert set(frame.loc[frame["point"] == "q", "verdict"].astype(str)) == {"agree"}


def test_a_value_of_another_shape() -> None:
    table = Table()
    table.add("torch.func", "value", np.ones(3)).add("jax", "value", np.ones(2))
    assert run(table, [CASE])["verdict"].astype(str).tolist() == ["value"]
    table = Table()
    table.add("torch.func", "value", np.ones((2, 1))).add("jax", "value", np.ones(2))
    frame = run(table, [CASE])
    assert frame["verdict"].astype(str).tolist() == ["agree"]
    assert frame["note"].tolist() == ["shapes differ: (2, 1) against (2,)"]


def test_real_against_complex() -> None:
    """abs as a real and as a complex number: the same derivative, and it is said."""
    table = Table()
    table.add("torch.func", "value", np.array([5.0])).differential("torch.func", [[0.6, 0.8]])
    table.add("jax", "value", np.array([5.0 + 0j])).differential("jax", [[0.6, 0.8], [0, 0]])
    frame = run(table, [case(shape=(1,))])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    assert frame["note"].str.contains("real on the left").all()


def test_rounding_of_a_value_that_cancels() -> None:
    """One bin of an FFT is zero; the noise in it is that of the numbers it was summed from."""
    z = np.array([1.0, -1.0, 1.0, -1.0])
    value = np.fft.fft(z)
    noisy = value + np.array([3e-16, 0, 0, 2e-16j])
    matrix = np.fft.fft(np.eye(4))
    j = np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])
    table = Table()
    observe(table, "torch.func", j, value, (4,))
    observe(table, "jax", j, noisy, (4,))
    assert set(run(table, [case(shape=(4,), points={"p": z})])["verdict"].astype(str)) == {"agree"}
    wrong = Table()
    observe(wrong, "torch.func", j, value, (4,))
    observe(wrong, "jax", j, value + np.array([1e-6, 0, 0, 0]), (4,))
    assert "value" in set(run(wrong, [case(shape=(4,), points={"p": z})])["verdict"].astype(str))


def test_rounding_of_a_gradient_that_cancels() -> None:
    """grad of a sum whose terms cancel is judged against the terms; an elementwise one against itself."""
    j = np.array([[1.0, 2.0], [-1.0, 3.0]])
    table = Table()
    kwargs: dict[str, Any] = {"in_complex": False, "dtype": "float64"}
    observe(table, "torch.func", j, np.ones(2), (2,), **kwargs)
    observe(table, "jax", j, np.ones(2), (2,), **kwargs)
    real = case(kind="real", shape=(2,), dtypes=("float64",))
    for row in table.rows:
        if row["backend"] == "jax" and row["api"] == "grad":
            row["data"] = np.array([2e-16, 5.0]).tobytes()
    frame = run(table, [real])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    for row in table.rows:
        if row["backend"] == "jax" and row["api"] == "grad":
            row["data"] = np.array([1e-3, 5.0]).tobytes()
    frame = run(table, [real])
    assert frame.loc[frame["api"] == "backward | grad", "verdict"].astype(str).tolist() == ["zero"]


# -- other axes -------------------------------------------------------------------------------------------------------


def test_api_axis_finds_a_forward_mode_that_differs() -> None:
    table = Table()
    observe(table, "jax", J, VALUE, SHAPE)
    for row in table.rows:
        if row["api"] == "pushforward":
            row["data"] = (-J).tobytes()
    frame = run(table, [CASE], "api")
    pair = frame[frame["quantity"] == "differential"]
    assert words(pair, "left", "right", "verdict") == {("jax:pullback", "jax:pushforward", "sign")}
    raw = frame[frame["quantity"] == "raw"].set_index("api")["verdict"].astype(str).to_dict()
    assert raw == {"grad": "agree", "vjp": "agree", "jacrev": "agree", "jvp": "sign", "jacfwd": "sign"}


def test_api_axis_finds_a_native_api_that_drops_a_part() -> None:
    """`backward()` that keeps only the real part of a gradient is inconsistent with its own differential."""
    table = observe(Table(), "torch.func", J, VALUE, SHAPE)
    for row in table.rows:
        if row["api"] == "backward":
            data = np.frombuffer(row["data"], complex).real.copy()
            row.update(data=data.tobytes(), kind="<f8")
    frame = run(table, [CASE], "api")
    found = frame[frame["api"] == "backward"].iloc[0]
    assert (str(found["verdict"]), str(found["left"]), str(found["right"])) == (
        "part", "torch.func:native", "torch.func:differential"
    )
    assert "real on the left" in found["note"]


def test_api_axis_reports_a_missing_direction() -> None:
    table = _two_points()
    table.rows = [
        r for r in table.rows if r["backend"] == "jax" and not (r["api"] == "pushforward" and r["point"] == "q")
    ]
    frame = run(table, [CASE], "api")
    lost = frame[frame["verdict"] == "error"]
    assert words(lost, "point", "right_status", "note") >= {("q", "absent", "no observation of jax:pushforward")}


def test_mode_axis_and_modes_on_the_backend_axis() -> None:
    table = Table()
    for mode, j in (("jit", J), ("eager", -J)):
        observe(table, "jax", j, VALUE, SHAPE, mode=mode)
    observe(table, "torch.func", J, VALUE, SHAPE, mode="plain")
    heads = header("jax", modes=("jit", "eager"))
    heads["targets"] += header("torch.func", modes=("plain",))["targets"]
    modes = compare_tables([table.frame()], [heads], [[CASE]], "mode")
    assert words(modes, "left", "right") == {("jax:jit", "jax:eager")}
    assert set(modes.loc[modes["quantity"] == "differential", "verdict"].astype(str)) == {"sign"}
    backends = compare_tables([table.frame()], [heads], [[CASE]], "backend")
    assert words(backends, "left_mode", "right_mode") == {("plain", "jit")}
    assert set(backends["verdict"].astype(str)) == {"agree"}


def test_version_axis_in_one_run_and_across_runs() -> None:
    old, new = Table({"jax": "0.4.9"}), Table({"jax": "0.10.2"})
    observe(old, "jax", -J, VALUE, SHAPE)
    observe(new, "jax", J, VALUE, SHAPE)
    for axis in ("version", "environment"):
        frame = run([new, old], [CASE], axis)
        assert words(frame, "left", "right", "axis") == {("jax@0.4.9", "jax@0.10.2", "version")}
        assert set(frame.loc[frame["quantity"] == "differential", "verdict"].astype(str)) == {"sign"}
    again = run([new, new], [CASE], "version", names=["monday", "tuesday"])
    assert words(again, "left", "right") == {("jax@0.10.2 (monday)", "jax@0.10.2 (tuesday)")}
    assert run([new, old], [CASE], "backend").empty


def test_device_axis() -> None:
    table = Table()
    for device, j in (("cpu", J), ("cuda:0", 2 * J)):
        observe(table, "torch.func", j, VALUE, SHAPE, device=device)
    observe(table, "jax", J, VALUE, SHAPE, device="gpu:0")
    heads = header("torch.func", "jax")
    heads["targets"][1]["device"] = "gpu:0"
    heads["targets"].append({**heads["targets"][0], "device": "cuda:0"})
    frame = compare_tables([table.frame()], [heads], [[CASE]], "device")
    assert words(frame, "left", "right") == {("torch.func:cpu", "torch.func:cuda:0")}
    assert set(frame.loc[frame["quantity"] == "differential", "verdict"].astype(str)) == {"factor"}
    # The same kind of hardware in each framework's own words.
    backends = compare_tables([table.frame()], [heads], [[CASE]], "backend")
    assert words(backends, "left_device", "right_device") == {("cuda:0", "gpu:0")}


def test_dtype_axis() -> None:
    table = observe(Table(), "jax", J, VALUE, SHAPE)
    single = observe(Table(), "jax", J * (1 + 1e-7), VALUE.astype(np.complex64), SHAPE, dtype="complex64")
    for row in single.rows:
        kind = np.dtype(row["kind"])
        small = np.dtype("<c8" if kind.kind == "c" else "<f4")
        row.update(data=np.frombuffer(row["data"], kind).astype(small).tobytes(), kind=small.str)
    table.rows += single.rows
    frame = run(table, [case(shape=SHAPE, dtypes=("complex64", "complex128"))], "dtype")
    assert words(frame, "left", "right", "dtype") == {("jax:complex64", "jax:complex128", "complex64")}
    assert set(frame["verdict"].astype(str)) == {"agree"}


def test_runs_made_apart_compare_like_one_made_together() -> None:
    together = run(both(), [CASE])
    torch, jax = Table(), Table()
    observe(torch, "torch.func", J, VALUE, SHAPE)
    observe(jax, "jax", J, VALUE, SHAPE)
    for tables in ([torch, jax], [jax, torch]):
        apart = run(tables, [CASE])
        assert apart[list(COLUMNS)].astype(str).equals(together[list(COLUMNS)].astype(str))


def test_environments_with_their_own_counterpart_stay_apart() -> None:
    rows, targets = [], []
    for place, (torch, jax) in {"/a": ("2.4", "0.4.25"), "/b": ("2.13", "0.10")}.items():
        table = Table({"torch": torch, "jax": jax})
        observe(table, "torch.func", J, VALUE, SHAPE)
        observe(table, "jax", J, VALUE, SHAPE)
        rows += table.rows
        targets += [{**t, "interpreter": place} for t in
                    header("torch.func", "jax", versions={"torch": torch, "jax": jax})["targets"]]
    frame = compare_tables([pd.DataFrame(rows)], [{"targets": targets}], [[CASE]])
    assert words(frame, "left", "right") == {
        ("torch.func@2.4", "jax@0.4.25"), ("torch.func@2.13", "jax@0.10")
    }


# -- asking -----------------------------------------------------------------------------------------------------------


def test_select() -> None:
    table = _two_points()
    observe(table, "torch.func", J, VALUE, SHAPE, case="other")
    observe(table, "jax", J, VALUE, SHAPE, case="other")
    cases = [case(shape=SHAPE, points={"p": np.ones(2), "q": np.ones(2)}), case("other", shape=SHAPE)]
    assert words(run(table, cases, select=["f@q"]), "case", "point") == {("f", "q")}
    assert words(run(table, cases, select=["o*"]), "case") == {("other",)}
    with pytest.raises(NothingSelected, match="no case matches 'nothing'"):
        run(table, cases, select=["o*", "nothing"])


def test_nothing_to_compare() -> None:
    frame = run(Table(), [])
    assert frame.empty
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    assert run(observe(Table(), "jax", J, VALUE, SHAPE), [CASE]).empty


def test_what_cannot_be_compared() -> None:
    with pytest.raises(CompareError, match="unknown axis 'colour'"):
        run(both(), [CASE], "colour")
    with pytest.raises(CompareError, match="lacks the columns shape, data"):
        compare_tables([both().frame().drop(columns=["shape", "data"])], [header("jax")], [[CASE]])
    damaged = both()
    damaged.rows[1]["data"] = damaged.rows[1]["data"][:-8]
    with pytest.raises(CompareError, match="the run is damaged"):
        run(damaged, [CASE])
    with pytest.raises(CompareError, match="header"):
        compare_tables([both().frame()], [{"targets": [{"backend": "jax"}]}], [[CASE]])


def test_notebook_representation() -> None:
    frame = run(both(j=-J), [CASE])
    html = frame._repr_html_()
    assert html is not None
    assert "surprising" in html
    assert "negated" in html
    assert frame[["case", "left"]]._repr_html_() is not None


def test_rows_come_in_catalogue_order() -> None:
    table = Table()
    for name in ("b", "a"):
        for point in ("second", "first"):
            observe(table, "torch.func", J, VALUE, SHAPE, case=name, point=point)
            observe(table, "jax", J, VALUE, SHAPE, case=name, point=point)
    points = {"second": np.ones(2), "first": np.ones(2)}
    frame = run(table, [case("b", shape=SHAPE, points=points), case("a", shape=SHAPE, points=points)])
    places = list(dict.fromkeys(frame[["case", "point"]].astype(str).itertuples(index=False, name=None)))
    assert places == [("b", "second"), ("b", "first"), ("a", "second"), ("a", "first")]
