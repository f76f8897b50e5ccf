"""The parts of the page without a browser: typesetting, packing, numbers, details, what is said of runs."""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from harness.comparison.observations import Observations
from harness.expr import table
from harness.report.headline import function_outcomes
from harness.report.html import write
from harness.report.html.atlas import Figure, embed, in_folder
from harness.report.html.detail import Labels, case_facts, recorded
from harness.report.html.facts import describe_run, findings, timeline
from harness.report.html.mathml import mathml
from harness.report.html.numbers import choose, difference, entries
from harness.report.html.pack import codes, pack
from harness.report.html.rows import columns, normalised
from tests.report import synthetic
from tests.report.conftest import PNG


def flat(text: str, **options: Any) -> str:
    """The visible characters of a formula, in order."""
    markup = mathml(text, **options)
    assert markup is not None, text
    return "".join(ET.fromstring(markup).itertext()).replace("\u2061", "").replace("\u2062", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("z", "z"),
        ("a + b*c", "a+b·c"),
        ("(a + b)*c", "(a+b)·c"),
        ("a - (b - c)", "a−(b−c)"),
        ("(a - b) - c", "a−b−c"),
        ("(-z)**2", "(−z)2"),
        ("-z**2", "−z2"),
        ("2*z", "2z"),
        ("2*3", "2·3"),
        ("2*3*z", "2·3·z"),
        ("exp(-z)", "e−z"),
        ("exp(z)**2", "(ez)2"),
        ("abs(z)", "|z|"),
        ("conj(z)", "z¯"),
        ("torch.nn.functional.silu(z)", "silu(z)"),
        ("x.sum()", "sum(x)"),
        ("sum(x, axis=0)", "sum(x,axis=0)"),
        ("x[0, 1:]", "x0,1:"),
        ("alpha_1*x2", "α1·x2"),
        ("1e-3", "0.001"),
        ("1e-30*z", "10−30z"),
        ("1j*z", "i·z"),
        ("a < b", "a<b"),
        ("z.real", "Rez"),
        ("where(x > 0, x, 0)", "{xwhere x>00otherwise"),
        ("w.T @ x", "wTx"),
        ("f'{x}'", None),
        ("lambda x: x", None),
        ("[x for x in y]", None),
        ("", None),
        ("(" * 300, None),
        ("z +" * 20_000 + "z", None),
    ],
)
def test_formulas(text: str, shown: str | None) -> None:
    if shown is None:
        assert mathml(text) is None
    else:
        assert flat(text) == shown


def test_left_hand_side_and_lines() -> None:
    assert flat("z", arguments=["z"]) == "f(z)=z"
    assert flat("y = z*z\nreal(y)", arguments=["z", "w"]) == "y=z·zf(z,w)=Re(y)"


@pytest.mark.parametrize("text", synthetic.HOSTILE)
def test_formulas_escape_everything(text: str) -> None:
    for source in (text, f"f({text!r})", f"{text!r}"):
        markup = mathml(source, arguments=["z"])
        if markup is not None:
            tags = {e.tag for e in ET.fromstring(markup).iter()}
            assert tags <= {
                "math", "mrow", "mi", "mo", "mn", "mtext", "mfrac", "msup", "msub", "msqrt", "mroot", "mover", "mtable",
                "mtr", "mtd",
            }


def test_every_portable_function_can_be_typeset() -> None:
    for name in table():
        one, two = flat(f"{name}(qz)"), flat(f"{name}(qz, qw)")
        assert "qz" in one and "qz" in two and "qw" in two  # nothing is left out, whatever the picture


def test_packed_columns_come_back() -> None:
    index, words = codes(["b", "a", "b", None, ""])
    assert words == ["b", "a", ""] and index.tolist() == [0, 1, 0, 2, 2] and index.dtype == np.uint8
    wide, _ = codes([str(k) for k in range(300)])
    assert wide.dtype == np.uint16
    block = gzip.decompress(pack({"rows": 5}, {"t": index, "w": wide}, {"n": np.array([1.5, np.nan, -0.0])},
                                 {"f": np.array([True, False])}, {"t": words}))
    size = struct.unpack("<I", block[:4])[0]
    header = json.loads(block[4 : 4 + size])
    base = -(-(4 + size) // 8) * 8
    kinds = {"u1": "<u1", "u2": "<u2", "f4": "<f4", "b1": "<u1"}
    got = {}
    for c in header["columns"]:
        assert c["offset"] % 8 == 0
        got[c["name"]] = np.frombuffer(block, kinds[c["kind"]], c["length"], base + c["offset"])
    assert got["t"].tolist() == index.tolist() and got["w"].tolist() == wide.tolist() and header["rows"] == 5
    np.testing.assert_array_equal(got["n"], np.float32([1.5, np.nan, -0.0]))
    assert got["f"].tolist() == [1, 0]


def test_numbers_are_the_shortest_of_their_own_precision() -> None:
    assert entries(np.float32([0.1, -0.0, np.nan])) == [["0.1"], ["-0.0"], ["nan"]]
    assert entries(np.array([0.1 + 0.2])) == [["0.30000000000000004"]]
    odd = np.empty(2, np.complex128)
    odd.real, odd.imag = [1, -0.0], [-0.0, np.inf]
    assert entries(odd) == [["1.0", "-0.0j"], ["-0.0", "+infj"]]
    assert entries(np.array([3, -4])) == [["3"], ["-4"]] and entries(np.array([True])) == [["True"]]
    for value in np.random.default_rng(0).normal(size=50) * 10.0 ** np.arange(-25, 25):
        assert float(entries(np.array([value]))[0][0]) == value


def test_entries_that_differ_are_chosen_first() -> None:
    a = np.arange(1.0, 51.0)
    b = a.copy()
    b[[7, 31]] = [0, np.nan]
    assert difference([a, b])[31] == np.inf and difference([a, b])[7] > 0
    assert {7, 31} <= set(choose([a, b], 4).tolist())
    assert choose([a, b], 100).tolist() == list(range(50))


def test_details_hold_the_wirtinger_pair_and_the_refusals() -> None:
    run = synthetic.FakeRun(23)
    seen = Observations([run.observations()])
    labels = Labels(seen, [run.header])
    case = next(c for c in run.cases if c.id == "arccosh")  # the planted sign on the side of jax
    rows = np.flatnonzero(seen.codes["case"] == seen.code("case", "arccosh"))
    at = recorded(seen, labels, case, rows, 12, True)["generic\0complex128"]
    (pair,) = at["pairs"]
    assert pair["entries"] == ["0", "1", "2"] and pair["total"] == 3  # a diagonal differential is shown as one
    z = synthetic._VALUES["generic"] * np.array([1, 0.5, -0.25j])
    for side in pair["sides"]:
        sign = -1 if side["target"] == "jax" else 1
        got = np.array([complex("".join(e)) for e in side["dz"]])
        np.testing.assert_allclose(got, sign * np.exp(z), rtol=1e-15)
        assert all(complex("".join(e)) == 0 for e in side["db"])
    questions = {b["question"] for b in at["raw"]}
    assert questions == {"gradient", "pullback", "pushforward"}
    refused = run.cases[0]
    rows = np.flatnonzero(seen.codes["case"] == seen.code("case", refused.id))
    at = recorded(seen, labels, refused, rows, 12, True)["generic\0complex128"]
    (failed,) = [s for b in at["raw"] for s in b["sides"] if "status" in s]
    assert failed["status"] == "refused" and failed["error"] == "RuntimeError" and "<b>" in failed["message"]
    json.dumps(at, allow_nan=False)


def test_large_arrays_are_shortened_and_say_so() -> None:
    given = np.arange(1000.0)
    frame = pd.DataFrame([{
        "case": "c", "point": "p", "dtype": "float64", "backend": b, "device": "cpu", "mode": "eager",
        "environment": "", "api": "", "quantity": "value", "input": "", "output": "out", "status": "ok", "kind": "f8",
        "shape": (10, 100), "data": (given + (k == 500) * 0 + (b == "b") * (given == 500)).tobytes(), "error": "",
        "message": "",
    } for k, b in enumerate("ab")])
    seen = Observations([frame])
    at = recorded(seen, Labels(seen, [{}]), synthetic.cases(1)[0], np.arange(2), 5, True)
    (value,) = at["p\0float64"]["values"]
    assert [len(s["entries"]) for s in value["sides"]] == [5, 5] and value["sides"][0]["size"] == 1000
    shown = {s["target"]: s["entries"] for s in value["sides"]}
    assert ["500.0"] in shown["a"] and ["501.0"] in shown["b"]


def test_only_web_links_become_links() -> None:
    facts = case_facts(synthetic.hostile_cases()[0])
    assert facts["expect"][0]["link"] == ""
    frame = pd.DataFrame({"function": ["f"], "verdict": ["sign"], "link": ["javascript:alert(1)"]})
    assert findings(frame, normalised(synthetic.frame(10, 2)))["rows"][0]["link"] == ""


def test_rows_are_sorted_worst_first_and_nothing_is_lost() -> None:
    given = synthetic.frame(500, 40)
    frame = normalised(given)
    assert len(frame) == 500 and frame["case"].value_counts().to_dict() == given["case"].value_counts().to_dict()
    assert frame["surprising"].tolist() == sorted(frame["surprising"], reverse=True)
    meta, text, numbers, flags, words = columns(frame, {}, None)
    back = [words["verdict"][k] for k in text["verdict"]]
    assert back == frame["verdict"].tolist() and meta["rows"] == 500
    assert flags["surprising"].sum() == given["surprising"].sum()
    np.testing.assert_array_equal(numbers["ulp"], frame["ulp"].to_numpy(np.float32))


def test_a_frame_without_verdicts_is_refused() -> None:
    with pytest.raises(ValueError, match="verdict"):
        normalised(pd.DataFrame({"case": ["x"], "point": ["p"], "left": ["a"], "right": ["b"]}))


def test_pairs_within_a_backend_are_one_column() -> None:
    frame = synthetic.frame(4, 2).assign(
        axis=["api", "api", "backend", "version"], left=["jax:grad", "jax:pullback", "jax", "jax@0.4.1"],
        right=["jax:differential", "jax:pushforward", "torch.func", "jax@0.5.0"],
    )
    meta, text, _, _, words = columns(normalised(frame), {}, None)
    assert {words["sides"][k] for k in text["sides"]} == {
        "jax with itself",
        "jax ↔ torch.func",
        "jax@0.4.1 ↔ jax@0.5.0",
    }
    assert set(meta["leftBackend"]) == {"jax"}


def test_what_ran() -> None:
    run = synthetic.FakeRun(3)
    told = describe_run(run, Observations([run.observations()]), 0)
    assert told["started"] == "2026-11-22 09:15" and told["complete"]
    assert [t["backend"] for t in told["targets"]] == ["torch.autograd", "torch.func", "jax"]
    assert told["targets"][2]["versions"] == "jax 0.10.2, jaxlib 0.10.2"
    assert told["targets"][0]["dtypes"] == "complex128, complex64"


def test_timeline_columns_are_put_together() -> None:
    frame = pd.DataFrame({
        "backend": ["torch.func", "jax"], "device": ["cpu", "cpu"], "mode": ["eager", "jit"], "case": ["f", "g"],
        "quantity": ["raw", "raw"], "api": ["grad", "vjp"], "input": ["z", "w"], "output": ["out", "out"],
        "first_bad": ["", "jax 0.5"], "torch 2.0.1": ["ok", None], "jax 0.10.2": [None, "wrong (zero)"],
    })
    told = timeline(frame)
    assert told is not None
    assert told["columns"] == ["case", "question", "of", "torch 2.0.1", "jax 0.10.2", "first bad"]
    assert told["rows"] == [
        ["f", "torch.func grad", "z", "ok", "", ""],
        ["g", "jax vjp", "w", "", "wrong (zero)", "jax 0.5"],
    ]
    assert told["versions"] == [3, 4]
    assert timeline(None) is None


def test_figures_beyond_the_limit_are_left_out() -> None:
    figures = [Figure(str(k), PNG) for k in range(3)]
    size = len(base64.b64encode(PNG))
    entries_, block, unshown = embed(figures, 2 * size)
    assert [e["name"] for e in entries_] == ["0", "1"] and len(block) == 2 * size and unshown == ["2"]
    assert entries_[0]["width"] == entries_[0]["height"] == 1
    with pytest.raises(ValueError, match="PNG"):
        embed([Figure("x", b"GIF89a")], 1000)


def test_details_give_way_to_the_limit_and_the_page_says_so(tmp_path: Path) -> None:
    run, frame = synthetic.FakeRun(40), synthetic.frame(2000, 40)
    whole = write([run], frame, tmp_path / "whole.html").stat().st_size
    small = write([run], frame, tmp_path / "small.html", size_limit=120_000).stat().st_size
    assert small < whole
    text = (tmp_path / "small.html").read_text()
    details = re.search(r'id="details">([^<]*)<', text)
    assert details is not None
    data = re.search(r'id="data">([^<]*)<', text)
    assert data is not None
    block = gzip.decompress(base64.b64decode(data[1]))
    meta = json.loads(block[4 : 4 + struct.unpack("<I", block[:4])[0]])
    assert meta["omitted"] > 0
    said = 0
    for place in meta["details"]:
        chapter = json.loads(gzip.decompress(base64.b64decode(details[1][place[0] : sum(place)])))
        said += "harness show" in chapter.get("omitted", "")
    assert said == meta["omitted"]


def test_equal_input_gives_an_equal_file(tmp_path: Path) -> None:
    a = write([synthetic.FakeRun(5)], synthetic.frame(200, 5), tmp_path / "a.html").read_bytes()
    b = write([synthetic.FakeRun(5)], synthetic.frame(200, 5), tmp_path / "b.html").read_bytes()
    assert a == b


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("title", synthetic.HOSTILE)
def test_the_file_refers_to_nothing_outside(tmp_path: Path, title: str) -> None:
    path = write([synthetic.FakeRun(2)], synthetic.frame(20, 2), tmp_path / "r.html", title=title)
    outline = Outline()
    outline.feed(path.read_text())
    names = [t for t, _ in outline.tags]
    assert names.count("script") == 4 and "img" not in names and "iframe" not in names and "b" not in names
    for _, attributes in outline.tags:
        for key in ("src", "href", "action", "data"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:image/svg+xml,"))
    policy = next(a["content"] for t, a in outline.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


def test_empty_frames_make_a_report(tmp_path: Path) -> None:
    path = write([], synthetic.frame(10, 2).iloc[:0], tmp_path / "empty.html")
    assert "0 functions at 0 points" in path.read_text()


def test_results_that_nobody_asked_for_are_counted_and_left_out(tmp_path: Path) -> None:
    given = synthetic.frame(60, 3).assign(left_status="ok", right_status="ok", verdict="agree", culprit="")
    given.loc[given.index[:4], ["quantity", "right_status", "verdict", "note"]] = ["raw", "absent", "error", "nothing"]
    given.loc[given.index[4:7], ["quantity", "right_status", "verdict"]] = ["differential", "absent", "error"]
    lost = set(given["case"].iloc[4:7])
    outcomes = function_outcomes(given)
    assert {c for c, o in outcomes.items() if o == "failed"} == lost  # a differential that is not there is a failure
    page = write([], given, tmp_path / "r.html").read_text()
    data = re.search(r'id="data">([^<]*)<', page)
    assert data is not None
    block = gzip.decompress(base64.b64decode(data[1]))
    meta = json.loads(block[4 : 4 + struct.unpack("<I", block[:4])[0]])
    assert meta["unasked"] == 4 and meta["rows"] == 56


def test_platforms_without_the_name_of_a_kernel() -> None:
    run = synthetic.FakeRun(1)
    run.header["targets"][0]["platform"] = "Linux-6.1.0-13-cloud-amd64-x86_64-with-glibc2.36"
    facts = dict(describe_run(run)["facts"])
    assert "Linux 6.1 x86_64, glibc2.36" in facts["platform"] and "cloud" not in str(facts)
    run.header["targets"][0]["platform"] = "macOS-14.1-arm64-arm-64bit"
    assert "macOS-14.1-arm64-arm-64bit" in dict(describe_run(run)["facts"])["platform"]


def test_figures_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no figures"):
        in_folder(tmp_path)
    for name in ("b", "a"):
        (tmp_path / f"{name}.png").write_bytes(PNG)
    assert [f.name for f in in_folder(tmp_path)] == ["a", "b"]
    told = [{"name": n, "file": f"../{n}.png", "wrong": w, "caption": f"of {n}", "alt": ""} for n, w in
            (("a", []), ("b", ["jax"]))]
    (tmp_path / "atlas.json").write_text(json.dumps({"figures": told}))
    found = in_folder(tmp_path)  # the one with somebody to blame first, and from this folder only
    assert [(f.name, f.caption, f.png) for f in found] == [("b", "of b", PNG), ("a", "of a", PNG)]
