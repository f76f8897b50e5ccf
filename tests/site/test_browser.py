"""The site as a stranger opens it, from the file system, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.api import site
from tests.report.conftest import browser  # noqa: F401

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "out"
    site(out, docs=ROOT / "docs")
    return out


class Tab:
    """A tab that remembers what it asked for and what went wrong in it."""

    def __init__(self, browser: Any, folder: Path, **options: Any) -> None:  # noqa: F811
        self.root = folder.resolve().as_uri() + "/"
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.tab.on("request", lambda r: self.requests.append(r.url))
        self.tab.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.tab.on("pageerror", lambda e: self.errors.append(str(e)))

    def open(self, address: str) -> Any:
        self.tab.goto(self.root + address)
        return self.tab

    def quiet(self) -> None:
        assert not [r for r in self.requests if not r.startswith(self.root)]
        assert not self.errors


@pytest.fixture
def tab(browser: Any, folder: Path) -> Iterator[Any]:  # noqa: F811
    opened: list[Tab] = []

    def one(**options: Any) -> Tab:
        opened.append(Tab(browser, folder, **options))
        return opened[-1]

    yield one
    for each in opened:
        each.context.close()


def shown(page: Any) -> list[str]:
    return page.eval_on_selector_all("#functions tbody tr:not([hidden]) a", "xs => xs.map(x => x.textContent)")


def test_two_clicks_from_a_question_to_the_answer_and_back(tab: Any) -> None:
    one = tab()
    page = one.open("index.html")
    page.fill("#q", "torch acosh jax gradient")
    assert shown(page)[0] == "arccosh"
    page.click("#functions tbody tr:not([hidden]) a")
    page.wait_for_selector("h1:text-is('arccosh')")
    assert "wrong at ordinary inputs in jax 0.4.38 to 0.10.2" in page.inner_text(".verdict")
    assert page.locator("img").evaluate("i => i.loading = 'eager'") == "eager"
    page.wait_for_function("document.querySelector('img').naturalWidth > 0")
    page.click(".strip a:text-is('0.12.0.1')")
    page.wait_for_selector("h1:text-is('jax 0.12.0.1')")
    assert "arccosh" in page.inner_text("main")
    page.go_back()
    page.go_back()
    page.wait_for_selector("#q")
    assert page.input_value("#q") == "torch acosh jax gradient"
    assert shown(page)[0] == "arccosh"
    one.quiet()


@pytest.mark.parametrize("asked, first", [
    ("jnp.sinh", "sinh"), ("jax.numpy.sign", "sign"), ("torch.acosh", "arccosh"), ("logcumsumexp", "logcumsumexp"),
])
def test_a_function_is_found_under_its_names(tab: Any, asked: str, first: str) -> None:
    page = tab().open("index.html")
    page.fill("#q", asked)
    assert first in shown(page)[:6]


def test_what_nobody_has_shows_nothing(tab: Any) -> None:
    page = tab().open("index.html")
    page.fill("#q", "zzzzqqq")
    assert shown(page) == []
    assert page.inner_text("#said").startswith("0 of")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("address", [
    "index.html", "f/arccosh.html", "r/jax-0.12.0.1.html", "c/jax-arccosh.html", "causes.html", "docs/mathematics.html",
])
def test_pages_fit_and_have_no_serious_accessibility_fault(tab: Any, address: str, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    one = tab(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    one.quiet()
    if address == "index.html":  # a thousand rows are alike, and axe-core takes a minute for each page of them
        page.fill("#q", "arc")
        assert 5 < len(shown(page)) < 60
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert not [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
