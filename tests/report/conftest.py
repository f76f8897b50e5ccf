"""A real headless Chromium for the tests of the report, and the reports it opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report.html import Figure, write
from tests.report import synthetic

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


class Page:
    """One tab that remembers console errors and every request that it tried to make."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.path = path
        self.context = browser.new_context(viewport=options.pop("viewport", {"width": 1280, "height": 800}), **options)
        self.tab = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda e: self.errors.append(str(e)))
        self.tab.on("request", lambda r: self.requests.append(r.url))

    def open(self, view: str = "#/overview") -> Any:
        self.tab.goto(self.path.resolve().as_uri() + view)
        self.tab.wait_for_selector("html[data-ready]", timeout=60_000)
        return self.tab

    def leaving(self) -> list[str]:
        """Requests other than for the file itself and for what is inside it."""
        own = self.path.resolve().as_uri()
        return [u for u in self.requests if not u.startswith((own, "data:", "blob:"))]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """page(path, **context options) -> Page; every tab is closed, and must have been quiet, at the end."""
    opened: list[Page] = []

    def make(path: Path, **options: Any) -> Page:
        opened.append(Page(browser, path, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
        assert one.errors == []
        assert one.leaving() == []


#: One white pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f0001010100" "1bb6ee56" "0000000049454e44ae426082"
)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 6,000 rows on 84 functions, with every optional part."""
    frame = synthetic.frame(6_000, 84)
    script = "import torch\nprint('arccosh')  # <b>&amp;</b>\n"
    return write(
        [synthetic.FakeRun(84)], frame, tmp_path_factory.mktemp("report") / "report.html",
        timeline=synthetic.timeline(84), repro={("arccosh", "left-half-plane"): script},
        atlas=[Figure("arccosh", PNG, "Wrong in the left half plane.")],
    )


@pytest.fixture(scope="session")
def large_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100,000 rows on 420 functions with all details."""
    return write(
        [synthetic.FakeRun()],
        synthetic.frame(),
        tmp_path_factory.mktemp("large") / "report.html",
        timeline=synthetic.timeline(),
    )


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every text is an attempt to escape from the page."""
    frame = synthetic.hostile_frame()
    run = synthetic.FakeRun(given=synthetic.hostile_cases())
    run.header["<script>window.pwned=9</script>"] = "</script><script>window.pwned=9</script>"
    timeline = frame[["case", "note", "verdict"]].rename(columns={"note": "</script> 1.2", "verdict": "torch 2.13.0"})
    return write(
        [run],
        frame,
        tmp_path_factory.mktemp("hostile") / "report.html",
        title=synthetic.HOSTILE[1],
        timeline=timeline,
        repro=lambda case, point: case,
    )
