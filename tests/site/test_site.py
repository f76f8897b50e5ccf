"""The site from the committed tables, and from rows made by hand whose answer is known."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from harness.cli import main
from harness.model import Case, Input, Point
from harness.site import SiteError, write
from harness.site.facts import STATES, Site, gather, state_of
from tests import recorded

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert(1)</script>" onload="x'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Site]:
    """The site of the committed tables and five functions of the catalogue."""
    folder = tmp_path_factory.mktemp("site") / "out"
    wanted = {"arccosh", "sign", "sin", "svd-values", "softmax-complex"}
    cases = [c for c in recorded.catalogue() if c.id in wanted]
    return folder, write(folder, cases, docs=ROOT / "docs", base="https://example.org/derivatives")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [v for k, v in attrs if k in ("href", "src") and v]


def pages(folder: Path) -> Iterator[tuple[Path, _Links]]:
    for path in sorted(folder.rglob("*.html")):
        parser = _Links()
        parser.feed(path.read_text(encoding="utf-8"))
        yield path, parser


def test_a_sign_flip_is_told_by_release_as_the_committed_timeline_has_it(made: tuple[Path, Site]) -> None:
    folder, site = made
    cells = {c.release: c.state for c in site.pages["arccosh"].cells["jax"]}
    with (ROOT / "results/matrix/timeline.csv").open(encoding="utf-8", newline="") as file:
        row = next(r for r in csv.DictReader(file)
                   if (r["case"], r["quantity"], r["api"]) == ("arccosh", "differential", "pullback")
                   and "left-half-plane" in r["point"] and r["backend"] == "jax")
    for release, state in cells.items():
        assert (state == "wrong") == row[release].startswith("wrong"), release
    text = (folder / "f/arccosh.html").read_text(encoding="utf-8")
    assert "jax was wrong at ordinary inputs in jax 0.4.38 to 0.10.2." in text
    assert "torch.acosh" in text


def test_what_changed_in_a_release_is_on_its_page(made: tuple[Path, Site]) -> None:
    folder, site = made
    changed = {(c.case, c.before, c.after) for c in site.changes if c.release == "jax 0.12.0.1" and c.ordinary}
    assert ("arccosh", "wrong", "right") in changed
    assert ("sign", "wrong (zero)", "right") in changed
    text = (folder / "r/jax-0.12.0.1.html").read_text(encoding="utf-8")
    assert text.index("At ordinary inputs") < text.index("At extreme inputs")


def test_every_link_leads_somewhere_and_nothing_is_asked_from_elsewhere(made: tuple[Path, Site]) -> None:
    folder, site = made
    seen = 0
    for path, parser in pages(folder):
        assert "iframe" not in parser.tags
        for target in parser.targets:
            if target.startswith("https://"):
                continue
            seen += 1
            aim = (path.parent / unquote(target.split("#")[0])).resolve()
            if path.parts[-2] == "docs" and aim.suffix != ".html":
                continue  # the documentation names files of the repository
            if aim.name.endswith(".html") and aim.parent.name == "f" and aim.stem not in site.pages:
                continue  # only five functions are in this site
            assert aim.exists() or "docs" in path.parts, (path, target)
    assert seen > 500
    for path, _ in pages(folder):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'(?:src|stylesheet" href)="(?:https?:)?//', text), path
        assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text, path


def test_a_feed_with_an_entry_for_each_release_and_cause(made: tuple[Path, Site]) -> None:
    folder, site = made
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ET.parse(folder / "feed.xml").getroot()
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == len(site.releases) + len(site.findings)
    ids = [e.findtext(f"{atom}id") for e in entries]
    assert len(set(ids)) == len(ids)
    for entry in entries:
        link = entry.find(f"{atom}link")
        assert link is not None
        address = link.attrib["href"]
        assert address.startswith("https://example.org/derivatives/")
        assert (folder / unquote(address.removeprefix("https://example.org/derivatives/"))).is_file()


def test_counts_are_the_same_on_the_front_page_and_in_the_tables(made: tuple[Path, Site]) -> None:
    folder, site = made
    with (ROOT / "results/findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    defects = sum((r.get("kind") or "defect") == "defect" for r in rows)
    front = (folder / "index.html").read_text(encoding="utf-8")
    assert f"{len(site.pages)} functions and programs over {len(site.releases)} releases" in front
    assert f"{defects} defects beyond that" in front
    assert len(site.scripts) == len([r for r in rows if r["script"]])


def _case(name: str, text: str) -> Case:
    points = (Point("generic", {"z": np.array([1 + 2j])}), Point("huge-160", {"z": np.array([1e160 + 1j])}))
    return Case(name, {"portable": text}, (Input("z", "complex", (1,)),), points, ("complex128",))


def test_a_wrong_answer_is_never_shown_as_the_same() -> None:
    row = {"backend": "jax", "case": "f", "quantity": "differential", "api": "pullback", "jax 1.0": "right"}
    for point, state in (("generic", "wrong"), ("huge-160", "edge")):
        history = [{**row, "point": point, "jax 2.0": "wrong A (with NaN)"}]
        cells = gather([_case("f", "sin(z)")], history, []).pages["f"].cells["jax"]
        assert [c.state for c in cells] == ["right", state]


@pytest.mark.parametrize("word", ["wrong", "wrong B (zero)", "right", "ok", "refused", "error", "crash", "B (NaN)"])
def test_every_word_of_a_timeline_is_a_state(word: str) -> None:
    assert state_of(word, True) in STATES
    assert state_of("", True) == ""


def test_texts_of_strangers_are_escaped(tmp_path: Path) -> None:
    finding = {"id": "x", "framework": HOSTILE, "sentence": HOSTILE, "link": f"javascript:alert(1) {HOSTILE}",
               "versions": HOSTILE, "points": HOSTILE, "cases": "f", "script": ""}
    history = [{"backend": HOSTILE, "case": "f", "quantity": "value", "api": HOSTILE, "point": HOSTILE,
                "jax 1.0": HOSTILE, "jax 2.0": "wrong " + HOSTILE}]
    write(tmp_path / "out", [_case("f", HOSTILE)], history=history, findings=[finding])
    for path, parser in pages(tmp_path / "out"):
        scripts = parser.tags.count("script")
        assert scripts == (1 if path.name == "index.html" and path.parent.name == "out" else 0), path
        assert not any(t.startswith("javascript:") for t in parser.targets)
        assert "<script>alert" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "x" * 300, "a b"])
def test_a_name_that_is_no_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SiteError, match="cannot be the address"):
        write(tmp_path / "out", [_case(name, "sin(z)")], history=[], findings=[])
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_site_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["site", "--output", str(tmp_path)]) == 2
    assert "is no site" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
