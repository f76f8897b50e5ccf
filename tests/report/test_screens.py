"""The screens at 80 columns, against files made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.api import _elsewhere
from harness.findings import collect, text
from harness.model import Case, Expectation, Input, Point
from harness.recorded.functions import Defect, Known, Singular, Worst
from harness.report.advice import advice
from harness.report.by_cause import counted
from harness.report.causes import defects, fixed_in, release, upstream
from harness.report.first_screen import first_screen, outcomes
from harness.report.headline import function_outcomes, headline, sentence
from harness.report.html.facts import findings
from harness.report.html.rows import normalised
from harness.report.known import text as told_of
from harness.report.point_page import point_page
from tests.report.rows import fake_run, frame, row

GOLDEN = Path(__file__).parent / "golden"
KNOWN = {"expected": "stated", "verdict": "sign"}
CASES = ("arccosh", "pow", "tiny-log", "kinky", "exp", "sin")


def rows() -> pd.DataFrame:
    return frame(
        row("arccosh", "generic", "defect", **{
            **KNOWN, "cause": "jax-arccosh", "since": "jax 0.4.38", "fixed": "jax 0.12.0.1",
            "link": "https://github.com/jax-ml/jax/pull/40643"}),
        row("arccosh", "tiny-30", "defect", **{**KNOWN, "cause": "jax-arccosh", "ordinary": False}),
        row("pow", "generic", "defect", left="torch.func", api="pushforward", **{
            **KNOWN, "verdict": "part", "cause": "torch-pow-mixed", "since": "torch 1.13.1 or before",
            "link": "https://github.com/pytorch/pytorch/issues/185639"}),
        row("tiny-log", "tiny-30", "defect", left="torch.func", **{
            **KNOWN, "verdict": "zero", "cause": "torch-log-tiny", "ordinary": False}),
        row("kinky", "generic", "documented", **{**KNOWN, "culprit": "jax", "cause": "jax-flushes"}),
        row("exp", "generic", "convention", left="torch.func", right="jax", relation="conjugate", quantity="raw"),
        row("sin", "generic"), row("sin", "generic", "refused", "unsupported"),
    )


def test_the_first_screen() -> None:
    screen = first_screen(fake_run(*CASES), rows())
    assert screen + "\n" == (GOLDEN / "first_screen.txt").read_text(encoding="utf-8")
    assert all(len(line) <= 80 for line in screen.splitlines())


def stated() -> list[Case]:
    """Cases that state the causes of `rows`."""
    point = Point("generic", {"z": np.array([1 + 2j])})
    said = {
        "arccosh": ("jax-arccosh", "sign", "the other root", "https://github.com/jax-ml/jax/pull/40643", "jax"),
        "pow": ("torch-pow-mixed", "part", "the power of a modulus loses half",
                "https://github.com/pytorch/pytorch/issues/185639", "torch.func"),
        "tiny-log": ("torch-log-tiny", "zero", "nothing left of it", "", "torch.func"),
    }
    return [
        Case(name, {"portable": "z"}, (Input("z", "complex", (1,)),), (point,), ("complex128",),
             expect=(Expectation(verdict=(word,), because=why, link=link, cause=cause, backends=(who,)),))
        for name, (cause, word, why, link, who) in said.items()
    ]


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_the_screen_of_compare() -> None:
    assert counted(rows(), 80) + "\n" == golden("compare")


def test_the_screen_of_findings() -> None:
    assert text(collect(rows(), stated(), []), 80) + "\n" == golden("findings")


def test_the_screen_of_known() -> None:
    defects = (
        Defect("jax-arccosh", "jax", "the derivative is that of the other root in the left half plane, which is its "
               "negative", "sign", "jax 0.4.38", "jax 0.12.0.1", "https://github.com/jax-ml/jax/pull/40643", True),
        Defect("torch-square", "torch", "the square of the argument overflows", "zero", "", "", "", False),
    )
    worst = (Worst("arccosh(z)", "torch", 1.07, 5.05), Worst("arccosh(z)", "jax", 1.4, 1.8e16))
    found = [Known("arccosh", "torch.arccosh(x)", "jnp.arccosh(x)", defects, ("port.py:3", "port.py:7"), worst,
                   (Singular("cut", "z = 0.5", "differ"), Singular("cut", "z = -0.25", "differ"),
                    Singular("pole", "z = 1", "same"))),
             Known("sin", "torch.sin(x)", "jnp.sin(x)", ()),
             Known("abs", "torch.abs(x)", "jnp.abs(x)", (), (), (), (
                 Singular("kink", "x = 0", "differ"), Singular("kink", "z = 0", "same"))),
             Known("divide", "torch.divide(x, y)", "jnp.divide(x, y)", (), (), (), (
                 Singular("pole", "x = 1, y = 0", "differ"), Singular("pole", "x = 0, y = 0", "")))]
    assert told_of(found, 80) + "\n" == golden("known")


def test_it_fits_a_terminal_however_much_is_wrong() -> None:
    many = frame(*(row(f"f{k}", "generic", "defect", "sign") for k in range(60)))
    screen = first_screen(fake_run(*(f"f{k}" for k in range(60))), many).splitlines()
    assert len(screen) <= 23 and max(map(len, screen)) <= 80
    listed = sum(line.startswith(" jax ") for line in screen)
    assert listed > 5 and f" …{60 - listed} more: harness findings runs/R" in screen


def test_what_is_no_defect_is_never_counted_as_wrong() -> None:
    for kind in ("documented", "taste", "formula", "kink", "pole", "explained"):
        told = frame(row("f", "generic", kind, "sign", culprit="jax"))
        assert outcomes(told).to_dict() == {"f": "nobody"} and defects(told) == []
        assert "wrong, ordinary" not in first_screen(fake_run("f"), told)


def test_what_could_not_be_run_comes_first_and_nothing_is_all_clear() -> None:
    run = fake_run("sin", failed={"jax on cuda:0 (jit)": "no such device"})
    screen = first_screen(run, frame(row("sin", "generic"))).splitlines()
    assert screen[0] == "NOT RUN  jax on cuda:0 (jit): no such device"
    assert " Nothing surprising in what could be run." in screen


def test_what_is_new_is_said_with_its_place() -> None:
    told = frame(row("f", "generic", "undecided", "mismatch", left="torch.func", right="jax", surprising=True))
    screen = first_screen(fake_run("f"), told)
    assert "New, worst first: 1 row in 1 group" in screen and "f@generic  torch.func ~ jax" in screen
    assert "Nothing surprising" not in screen


def test_each_function_is_counted_once_by_the_worst_of_its_rows() -> None:
    told = outcomes(rows())
    assert told.to_dict() == {"arccosh": "ordinary", "pow": "ordinary", "tiny-log": "extreme", "kinky": "nobody",
                              "exp": "same", "sin": "same"}


def test_a_cause_of_the_other_framework_is_not_charged() -> None:
    """Of two causes that cover a pair the first one names the row; who is wrong decides whose defect it is."""
    told = frame(row("f", "generic", "defect", "sign", cause="torch-f"),
                 row("f", "other", "defect", "sign", cause="jax-f"))
    (found,) = defects(told)
    assert (found.framework, found.cause, found.ordinary) == ("jax", "jax-f", 2)


@pytest.mark.parametrize(("given", "shown"), [
    ("jax 0.4.38", "0.4.38"), ("torch 1.13.1 or before", "≤ 1.13.1"), ("", ""),
])
def test_a_release_in_a_column(given: str, shown: str) -> None:
    assert release(given) == shown


def test_links_and_ends_in_a_column() -> None:
    assert upstream("https://github.com/pytorch/pytorch/issues/27134") == "torch#27134"
    assert upstream("https://example.org/x") == "example.org/x" and upstream("") == ""
    found = {d.framework: fixed_in(d) for d in defects(rows()) if d.ordinary}
    assert found == {"jax": "0.12.0.1", "torch": "not yet"}


def observed(*sides: tuple[str, np.ndarray, str]) -> pd.DataFrame:
    """Observations of the derivative of one case: (backend, J, api)."""
    rows = [{"backend": b, "api": api, "quantity": "differential", "input": "z", "output": "out", "status": "ok",
             "kind": "<f8", "environment": b, "j": j} for b, j, api in sides]
    rows.append({"backend": "jax", "api": "", "quantity": "value", "input": "", "output": "out", "status": "ok",
                 "kind": "<c16", "environment": "jax", "j": np.zeros(2, complex)})
    return pd.DataFrame(rows)


def holomorphic(*slopes: complex) -> np.ndarray:
    """The real J of an elementwise holomorphic function, rows u then v."""
    a, b = np.diag(np.real(slopes)), np.diag(np.imag(slopes))
    return np.block([[a, -b], [b, a]])


def page(frame: pd.DataFrame, *sides: tuple[str, np.ndarray, str]) -> str:
    point = Point("left", {"z": np.array([-2 + 1j, 3 + 1j])})
    case = Case("arccosh", {"portable": "arccosh(z)"}, (Input("z", "complex", (2,)),), (point,), ("complex128",))
    return point_page("runs/R", case, point, "complex128", observed(*sides), frame, lambda r: r.j)


def test_the_page_of_a_point() -> None:
    one_off = 1 + 2 * np.finfo(float).eps  # an ulp at the scale of 1+2j, which is 2.2
    frame_of_it = frame(
        row("arccosh", "left", "defect", expected="the other root", verdict="sign", cause="jax-arccosh",
            since="jax 0.4.38", fixed="jax 0.12.0.1", link="https://github.com/jax-ml/jax/pull/40643"),
        row("arccosh", "left", "refused", "unsupported"))
    told = page(
        frame_of_it, ("torch.func", holomorphic(one_off + 2j, 3 - 1j), "pullback"),
        ("jax", holomorphic(-1 - 2j, 3 - 1j), "pullback"), ("reference", holomorphic(1 + 2j, 3 - 1j), "closed-form"))
    assert told + "\n" == (GOLDEN / "point_page.txt").read_text(encoding="utf-8")


def test_entries_of_dz_bar_are_never_called_zero_where_they_are_not() -> None:
    """conj(z) has df/dz = 0 and df/dz* = 1; what a side makes of it otherwise is told."""
    conj = np.diag([1.0, 1, -1, -1])
    told = page(frame(row("arccosh", "left", "undecided", "mismatch")), ("jax", np.eye(4), "pullback"),
                ("reference", conj, "reference"))
    assert "df/dz* [1]" in told and "= 0 on all sides" not in told and "no evidence says who is wrong" in told


def test_where_nobody_is_wrong_the_page_says_why() -> None:
    told = page(frame(row("arccosh", "left", "kink", "choice")), ("jax", np.eye(4), "pullback"))
    assert "they differ and nobody is wrong (kink)" in told and "is wrong:" not in told
    told = page(frame(row("arccosh", "left", "kink", "choice")), ("jax", np.eye(4), "pullback"),
                ("reference", np.diag([np.nan] * 4), "reference"))
    assert " none " in told and "≠" not in told  # no number of a side is wrong against no derivative
    told = page(frame(row("arccosh", "left", "refused", "unsupported")))
    assert "nothing to compare" in told


def test_screen_and_report_count_the_same() -> None:
    """In words of their own: the report tells what needs one conj() apart."""
    as_the_screen = {"wrong": "ordinary", "extreme": "extreme", "choice": "nobody", "agree": "same",
                     "convention": "same"}
    told = function_outcomes(normalised(rows()))
    assert told.map(as_the_screen).to_dict() == outcomes(rows()).to_dict()
    assert told["exp"] == "convention" and told["tiny-log"] == "extreme"
    counted_there = headline(normalised(rows()))
    assert "2 wrong on a side" in sentence(counted_there) and "1 wrong at extreme inputs" in sentence(counted_there)
    assert dict(counted_there.culprits) == {"jax": 1, "torch.func": 1}  # at ordinary inputs


def test_the_report_has_one_finding_a_cause() -> None:
    """Those at ordinary inputs first; since, until and the link with them; what is new after them."""
    told = pd.concat([rows(), frame(row("new", "generic", "undecided", "mismatch", surprising=True))])
    found = findings(None, normalised(told), told)
    assert [r["case"] for r in found["rows"]] == ["arccosh", "pow", "tiny-log", "new"] and found["first"] == 2
    first = found["rows"][0]
    assert first["where"] == "since jax 0.4.38, right again in jax 0.12.0.1; 1 ordinary and 1 extreme points"
    assert first["link"].endswith("/jax/pull/40643") and first["culprit"] == "jax"
    assert not found["grouped"] and "kinky" not in str(found)  # documented: no defect


def test_the_report_counts_nobody_wrong_where_the_screen_does_not() -> None:
    told = frame(row("f", "generic", "documented", "sign", culprit="jax"), row("g", "generic", "defect", "sign"),
                 row("h", "generic"))
    assert function_outcomes(told).to_dict() == {"f": "choice", "g": "wrong", "h": "agree"}
    assert headline(normalised(told)).outcomes["wrong"] == 1
    assert dict(headline(normalised(told)).culprits) == {"jax": 1}


@pytest.mark.parametrize(("left", "right", "culprit", "note", "what"), [
    ("torch.func", "reference", "torch.func", "right is zero, in 1 of 4 columns", "should be 0"),
    ("torch.func", "reference", "torch.func", "left is zero", "returns 0"),
    ("torch.func", "jax", "jax", "left is zero", "should be 0"),
    ("torch.func", "jax", "torch.func", "left is zero", "returns 0"),
    ("torch.func:forward", "torch.func:reverse", "torch.func:reverse", "left is zero", "should be 0"),
    ("torch.func:forward", "torch.func:reverse", "torch.func:forward", "left is zero", "returns 0"),
])
def test_who_is_blamed_for_a_zero_is_told_what_is_wrong(
    left: str, right: str, culprit: str, note: str, what: str,
) -> None:
    made = row("f", "generic", "defect", "zero", left=left, right=right, culprit=culprit, note=note)
    (defect,) = defects(frame(made))
    assert defect.what == what
    assert ("for a derivative that is zero" in advice(made)) == (what == "should be 0")


def test_a_page_tells_of_a_wrong_side_at_another_dtype() -> None:
    made = frame(row("f", "p"), row("f", "p", "defect", "sign", dtype="complex64"),
                 row("f", "q", "defect", "sign", dtype="float32"))
    assert _elsewhere(made, ["p"], "complex128") == "\n   a side is wrong at complex64: --dtype complex64"
    assert _elsewhere(made, ["p"], "complex64") == ""
