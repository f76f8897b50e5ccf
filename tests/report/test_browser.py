"""The report in a real browser: what a reader sees and does."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from harness.report.html import write
from harness.report.html.rows import normalised
from tests.report import synthetic

pytestmark = pytest.mark.browser

VIEWS = ("#/overview", "#/functions", "#/rows", "#/case/arccosh?point=generic", "#/timeline", "#/atlas", "#/legend")


def shown(tab: Any) -> int:
    """The first number of the line that counts results."""
    text = tab.inner_text(".result-count")
    found = re.match(r"[\d,]+", text)
    assert found, text
    return int(found[0].replace(",", ""))


def until(tab: Any, condition: str) -> None:
    """Wait for a condition. The page's policy forbids eval, which the driver's own waiting would use."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        time.sleep(0.05)
    raise AssertionError(f"never true: {condition}, at {tab.evaluate('location.hash')}")


@pytest.fixture(scope="module")
def frame() -> Any:
    return normalised(synthetic.frame(6_000, 84))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_opens_quietly_and_fits(page: Any, report: Path, view: str, width: int) -> None:
    tab = page(report, viewport={"width": width, "height": 844}).open(view)
    tab.wait_for_selector("#page-title")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width  # no sideways scrolling of the page


def test_first_screen_says_what_was_planted(page: Any, report: Path, frame: Any) -> None:
    tab = page(report).open()
    accused = frame[frame["culprit"] != ""]
    assert tab.inner_text(".o-wrong .tile-count") == str(accused["case"].nunique())
    for side, n in accused[["case", "culprit"]].drop_duplicates()["culprit"].value_counts().items():
        assert f"{side} {n}" in tab.inner_text(".o-wrong .sides")
    text = tab.inner_text("main")
    assert "torch 2.13.0+cpu" in text and "jax 0.10.2" in text and "2026-11-22" in text
    findings = tab.inner_text(".findings")
    assert "arccosh" in findings and "jax is wrong" in findings


def test_functions_are_sorted_by_any_column(page: Any, report: Path) -> None:
    tab = page(report).open("#/functions")
    digits = "s => s.textContent.split(' ')[0].padStart(6, '0')"
    for title, of in (("Function", "a => a.textContent"), ("Points", digits)):
        column = ".c-case a" if title == "Function" else ".c-points"
        tab.click(f".vhead button:has-text('{title}')")
        until(tab, "document.querySelector('.vhead [aria-sort]') !== null")
        told = tab.eval_on_selector_all(f".vlist-body .vrow {column}", f"xs => xs.map({of})")
        direction = tab.get_attribute(".vhead [aria-sort]", "aria-sort")
        assert len(told) > 5 and told == sorted(told, reverse=direction == "descending")


def test_a_cell_is_coloured_by_ordinary_points(page: Any, tmp_path: Path, frame: Any) -> None:
    """A family that is right wherever it is ordinary is not orange for what happens at 1e300."""
    given = synthetic.frame(60, 1).assign(verdict="agree", relation="equal", culprit="", left="jax", right="reference")
    given = given.assign(ordinary=[k > 3 for k in range(len(given))])
    given.loc[given.index[:4], ["verdict", "culprit"]] = ["sign", "jax"]
    tab = page(write([synthetic.FakeRun(1)], given, tmp_path / "r.html")).open()
    cell = tab.locator(".matrix a.cell").first
    assert "g-agree" in cell.get_attribute("class") and "at extreme points: 4 sign" in cell.get_attribute("title")


def test_matrix_opens_a_family_and_links_to_its_rows(page: Any, report: Path, frame: Any) -> None:
    tab = page(report).open()
    button = tab.locator(".disclose").first
    button.click()
    assert tab.locator(".disclose").first.get_attribute("aria-expanded") == "true"
    assert tab.locator(".case-row").count() > 0
    tab.locator(".matrix a.cell").first.click()
    tab.wait_for_selector(".vlist")
    assert "sides=" in tab.url and "family=" in tab.url
    run = synthetic.FakeRun(84)
    family = {c.id: c.family for c in run.cases}
    first = sorted(set(family.values()))[0]
    pair = tab.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('sides')")
    left, right = pair.split(" ↔ ")
    rows = frame[(frame["case"].map(family) == first) & (frame["left"] == left) & (frame["right"] == right)]
    assert shown(tab) == len(rows) > 0


def test_search_narrows_and_lives_in_the_url(page: Any, report: Path, frame: Any) -> None:
    tab = page(report).open("#/rows")
    assert shown(tab) == len(frame)
    tab.fill("#search", "arccosh left-half")
    until(tab, "location.hash.includes('q=arccosh')")
    wanted = frame["case"].str.contains("arccosh") & frame["point"].str.contains("left-half")
    assert shown(tab) == int(wanted.sum()) > 0
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.press("ControlOrMeta+A")
    tab.keyboard.type("no such thing anywhere")
    tab.wait_for_selector(".empty")


def test_facets_combine_and_chips_remove_them(page: Any, report: Path, frame: Any) -> None:
    tab = page(report).open("#/rows")
    tab.locator("details.facet summary", has_text="Verdict").click()
    tab.locator(".popover label", has_text="sign").first.click()
    until(tab, "location.hash.includes('verdict=sign')")
    assert shown(tab) == int((frame["verdict"] == "sign").sum())
    tab.keyboard.press("Escape")
    tab.locator("details.facet summary", has_text="dtype").click()
    tab.locator(".popover label", has_text="complex64").click()
    until(tab, "location.hash.includes('dtype=complex64')")
    assert shown(tab) == int(((frame["verdict"] == "sign") & (frame["dtype"] == "complex64")).sum())
    tab.locator(".filter-chip", has_text="sign").click()
    until(tab, "!location.hash.includes('verdict')")
    assert shown(tab) == int((frame["dtype"] == "complex64").sum())
    tab.go_back()
    until(tab, "location.hash.includes('verdict=sign')")
    assert shown(tab) == int(((frame["verdict"] == "sign") & (frame["dtype"] == "complex64")).sum())


def test_backend_filter_finds_both_sides(page: Any, report: Path, frame: Any) -> None:
    tab = page(report).open("#/rows?backend=jax")
    assert shown(tab) == int(((frame["left"] == "jax") | (frame["right"] == "jax")).sum())
    tab = page(report).open("#/rows?backend=torch.func&surprising=1")
    both = (frame["left"] == "torch.func") | (frame["right"] == "torch.func")
    assert shown(tab) == int((both & frame["surprising"]).sum()) > 0


def test_a_deep_link_restores_the_view(page: Any, report: Path, frame: Any) -> None:
    link = "#/rows?q=gen&verdict=agree&verdict=precision&backend=jax&sort=-max_rel"
    tab = page(report).open(link)
    kept = frame["verdict"].isin(["agree", "precision"]) & ((frame["left"] == "jax") | (frame["right"] == "jax"))
    text = frame[["case", "point", "api", "note", "expected"]].agg(" ".join, axis=1).str.lower()
    kept &= text.str.contains("gen")
    assert shown(tab) == int(kept.sum()) > 0
    assert tab.input_value("#search") == "gen"
    assert tab.locator(".filter-chip").count() == 4
    first = float(tab.inner_text(".vlist-body .c-max_rel >> nth=0"))
    assert first == pytest.approx(frame.loc[kept, "max_rel"].max(), rel=0.1)
    again = page(report).open(tab.evaluate("location.hash"))
    assert again.inner_text(".vlist-body") == tab.inner_text(".vlist-body")


def test_sorting_puts_unmeasured_last(page: Any, report: Path) -> None:
    tab = page(report).open("#/rows")
    tab.locator(".sort", has_text="Max rel").click()
    until(tab, "location.hash.includes('sort=-max_rel')")
    assert tab.locator(".vhead .c-max_rel").get_attribute("aria-sort") == "descending"
    down = [float(t) for t in tab.locator(".vlist-body .c-max_rel").all_inner_texts()]
    assert down == sorted(down, reverse=True)
    tab.locator(".sort", has_text="Max rel").click()
    until(tab, "location.hash.includes('sort=max_rel')")
    up = [float(t) for t in tab.locator(".vlist-body .c-max_rel").all_inner_texts()]
    assert up == sorted(up) and up[0] < down[0]


def test_case_page_shows_numbers_and_marks_what_differs(page: Any, report: Path) -> None:
    tab = page(report).open("#/case/arccosh?point=generic&dtype=complex128")
    assert tab.locator(".formula math").count() == 1
    assert "arccosh" in tab.inner_text(".formula")
    assert tab.locator(".plane .dot").count() > 5
    pair = tab.locator(".block", has_text="Wirtinger pair")
    # The planted defect is a negated derivative of exp on the side of jax: the signs are marked.
    assert pair.locator("mark.sign").count() >= 3
    row = pair.locator("tr", has=tab.get_by_text("jax", exact=True)).first
    assert row.inner_text().count("-1.8547") == 1  # -e^0.7 cos 0.4
    raw = tab.locator(".block", has_text="Raw results")
    assert "torch.func" in raw.inner_text() and "jax" in raw.inner_text()
    tab.locator(".point-link", has_text="left-half-plane").click()
    until(tab, "location.hash.includes('left-half-plane')")
    assert "left-half-plane" in tab.inner_text("#point-title")


def test_copy_button_copies_the_script(page: Any, report: Path) -> None:
    one = page(report, permissions=["clipboard-read", "clipboard-write"])
    tab = one.open("#/case/arccosh?point=left-half-plane")
    tab.locator("button.copy").click()
    tab.get_by_text("Copied", exact=True).wait_for()
    pasted = tab.evaluate("navigator.clipboard.readText()")
    assert pasted == "import torch\nprint('arccosh')  # <b>&amp;</b>\n"


def test_timeline_and_atlas(page: Any, report: Path) -> None:
    tab = page(report).open("#/timeline?q=arccosh&changes=1")
    rows = synthetic.timeline(84)
    versions = [c for c in rows.columns if c.startswith("torch")]
    text = rows.agg(" ".join, axis=1).str.contains("arccosh")
    assert shown(tab) == int((text & (rows[versions].nunique(axis=1) > 1)).sum())
    tab = page(report).open("#/atlas/arccosh")
    assert tab.locator("img").evaluate("i => i.complete && i.naturalWidth") == 1
    assert "left half plane" in tab.inner_text("figcaption")


def test_everything_is_reached_with_the_keyboard(page: Any, report: Path) -> None:
    tab = page(report).open("#/rows")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    assert tab.evaluate("location.hash") == "#/rows"
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search"
    reached = set()
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate("document.activeElement.closest('details.facet, .toggle, .sort, .vrow')?.className || ''")
        )
        if "vrow cmp" in reached:
            break
    assert {"facet", "button toggle", "sort", "vrow cmp"} <= reached
    first = tab.evaluate("document.activeElement.dataset.index")
    assert first == "0"
    for key, index in (("ArrowDown", "1"), ("PageDown", None), ("End", "5999"), ("Home", "0"), ("ArrowDown", "1")):
        tab.keyboard.press(key)
        until(tab, "document.activeElement.dataset.index !== undefined")
        got = tab.evaluate("document.activeElement.dataset.index")
        assert index is None or got == index
        box = tab.evaluate(
            "(() => { const r = document.activeElement.getBoundingClientRect(); return [r.top, r.bottom]; })()"
        )
        assert box[0] >= -1 and box[1] <= 801  # what has the focus is on screen
    tab.keyboard.press("Enter")
    until(tab, "location.hash.startsWith('#/case/')")
    assert tab.evaluate("document.activeElement.id") == "page-title"


def test_facets_work_with_the_keyboard(page: Any, report: Path) -> None:
    tab = page(report).open("#/rows")
    tab.locator("details.facet summary", has_text="Culprit").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("details.facet[open] .choices input")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    until(tab, "location.hash.includes('culprit=')")
    assert tab.evaluate("document.activeElement.type") == "checkbox"  # the focus stays where it was
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_no_serious_accessibility_violation(page: Any, report: Path, view: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab = page(report, color_scheme=scheme, bypass_csp=True).open(view)
    if view == "#/rows":
        tab.locator("details.facet summary").first.click()
    response = axe.Axe().run(tab).response
    assert len(response["passes"]) > 10
    found = response["violations"]
    serious = [
        (v["id"], [n["html"][:160] for n in v["nodes"][:3]]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("view", ["#/overview", "#/functions", "#/rows", "#/timeline", "#/legend"])
def test_hostile_names_are_text(page: Any, hostile_report: Path, view: str) -> None:
    tab = page(hostile_report).open(view)
    assert tab.evaluate("window.pwned") is None
    assert tab.evaluate("document.querySelectorAll('main img, main b, main i, main script').length") == 0
    if view == "#/rows":
        assert "<script>window.pwned=1</script>" in tab.inner_text("main")


@pytest.mark.parametrize("name", synthetic.HOSTILE, ids=range(len(synthetic.HOSTILE)))
def test_hostile_case_pages(page: Any, hostile_report: Path, name: str) -> None:
    tab = page(hostile_report).open("#/functions")
    tab.evaluate("name => { location.hash = '#/case/' + encodeURIComponent(name); }", name)
    tab.wait_for_selector(".case-head")
    assert tab.evaluate("window.pwned") is None
    title = tab.evaluate("document.getElementById('page-title').textContent")
    assert re.sub(r"U\+[0-9A-F]{4}", "?", title) == re.sub("[\u202e\u2066]", "?", name)
    assert tab.evaluate("getComputedStyle(document.querySelector('#page-title bdi')).unicodeBidi") == "isolate"
    assert (
        tab.evaluate("document.querySelectorAll('main img, main b, main script, main a[href^=\"javascript\"]').length")
        == 0
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1280


def test_network_is_forbidden_by_the_page_itself(browser: Any, report: Path) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(report.resolve().as_uri())
    tab.wait_for_selector("html[data-ready]")
    blocked = tab.evaluate("fetch('https://example.org/x').then(() => 'fetched', e => 'refused')")
    assert blocked == "refused"
    tab.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert tab.evaluate("window.ran") is None
    context.close()


def test_theme_and_print(page: Any, report: Path) -> None:
    tab = page(report, color_scheme="light").open("#/rows")
    light = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    tab.click("#theme")
    dark = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert light != dark
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.documentElement).backgroundColor") == light  # paper is white
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator(".vlist-body .vrow").count() == 200
    assert tab.locator(".print-note").is_visible()


def test_a_hundred_thousand_rows(page: Any, large_report: Path, record_property: Any, capsys: Any) -> None:
    """Timings are printed, not asserted tightly: they depend on the machine."""
    size = large_report.stat().st_size
    assert size < 15_000_000
    one = page(large_report)
    tab = one.open("#/rows")
    opened = tab.evaluate("performance.getEntriesByName('ready')[0].startTime")
    took = []
    for query in (
        "verdict=sign",
        "q=arccosh",
        "backend=jax&dtype=complex64&q=generic",
        "surprising=1",
        "sort=-max_rel",
        "q=e",
    ):
        tab.evaluate("performance.clearMeasures()")
        tab.evaluate("q => { location.hash = '#/rows?' + q; }", query)
        until(tab, "performance.getEntriesByName('filter').length > 0")
        took.append(tab.evaluate("performance.getEntriesByName('filter')[0].duration"))
    figures = {"bytes": size, "open_ms": round(opened), "filter_ms": [round(t, 1) for t in took]}
    record_property("report_100k", json.dumps(figures))
    with capsys.disabled():
        print(f"\n100,000 rows: {figures}")
    assert opened < 30_000 and max(took) < 5_000
    drawn = tab.locator(".vlist-body .vrow").count()
    assert 0 < drawn < 80
