"""pytest plugin: case files as test items.

`pytest cases/` runs every point of every case as one test, `file.yaml::CASE@POINT`. Nothing is collected unless it is
asked for: by naming a case file, or a folder that holds them, on the command line; by `--harness`; or by the setting
`harness_cases`, a list of files and folders. docs/pytest.md says what passes, fails and is skipped.

Imports nothing but the standard library and pytest; frameworks never load in pytest's own process for these tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.model import Case
    from harness.testing.observing import Observed

SUFFIXES = (".yaml", ".yml")
_OTHERS = ("points.yaml", "known.yaml")  # files of a catalogue that hold no cases
_LARGEST = 16 * 2**20
_CASES = re.compile(rb"^cases\s*:", re.MULTILINE)
_FUNCTION = re.compile(rb"^[^#\n]*\bfunction[\"']?\s*:", re.MULTILINE)
_OURS = re.compile(r"\.ya?ml::.*@")  # what names one of our tests
_IDENTITY = re.compile(rb"^[^#\n]*\bid[\"']?\s*:", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Wirtinger harness: case files as tests")
    group.addoption(
        "--harness", action="store_true", default=False,
        help="collect every case file that is found, as if it were named on the command line; modules and backends "
        "that [tool.harness] of pyproject.toml names are code that runs",
    )
    parser.addini(
        "harness_cases", "case files, and folders of them, that are collected without being named", type="paths",
        default=[],
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in SUFFIXES or file_path.name in _OTHERS or not _wanted(file_path, parent.config):
        return None
    if not is_case_file(file_path):
        return None
    collector: pytest.Collector = CaseFile.from_parent(parent, path=file_path)
    return collector


def is_case_file(path: Path) -> bool:
    """Whether a YAML file looks like a file of cases: a list `cases`, whose entries have an id and a function."""
    try:
        if path.stat().st_size > _LARGEST:
            return False
        text = path.read_bytes()
    except OSError:
        return False
    return all(pattern.search(text) for pattern in (_CASES, _FUNCTION, _IDENTITY))


def _wanted(path: Path, config: pytest.Config) -> bool:
    if config.getoption("--harness"):
        return True
    if any(_below(path, Path(folder)) for folder in config.getini("harness_cases")):
        return True
    return any(_below(path, folder) for folder in _named(config))


def _named(config: pytest.Config) -> list[Path]:
    """The files and folders of the command line that ask for the case files in them.

    The root of the project (and what is above it) and its `testpaths` do not: `pytest .` and `pytest tests` mean the
    tests that were there before.
    """
    cached = getattr(config, "_harness_named", None)
    if cached is not None:
        return list(cached)
    found: list[Path] = []
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        here = Path(str(config.invocation_params.dir))
        usual = {(config.rootpath / name).resolve() for name in config.getini("testpaths")}
        for word in config.args:
            path = (here / str(word).partition("::")[0]).resolve()
            if path not in usual and not _below(config.rootpath.resolve(), path):
                found.append(path)
    config._harness_named = found  # type: ignore[attr-defined]
    return found


def _below(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except OSError:
        return False


class CaseFile(pytest.File):
    """One file of cases."""

    def collect(self) -> Iterable[CasePoint]:
        from harness.cases import load
        from harness.model import CaseError
        from harness.settings import read_settings

        try:
            cases = load([self.path], allow=read_settings(self.config.rootpath).modules)
        except CaseError as error:
            raise self.CollectError(str(error)) from None
        return list(self._items(cases))

    def _items(self, cases: Iterable[Case]) -> Iterator[CasePoint]:
        for case in cases:
            for point in case.points:
                item: CasePoint = CasePoint.from_parent(self, name=f"{case.id}@{point.name}")
                item.case, item.point = case, point.name
                yield item


class CasePoint(pytest.Item):
    """One point of one case: passes where nothing surprising was found on any pair of targets, at any dtype."""

    case: Case
    point: str

    def runtest(self) -> None:
        seen = observed(self.session).of(self)
        for reason in seen.expected:
            self.user_properties.append(("expected", reason))
        if seen.report:
            raise Surprising(seen.report)
        if seen.skip:
            pytest.skip(seen.skip)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Surprising):
            return str(excinfo.value)
        from harness.model import HarnessError

        if isinstance(excinfo.value, HarnessError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, max(self.case.place.line - 1, 0), self.name


class Surprising(Exception):
    """What was found at a point is not what its case expects; the text is the harness's report of it."""


def observed(session: pytest.Session) -> Observed:
    """What was observed of every case that this session selected: once for all, at the first test that asks."""
    found: Observed | None = getattr(session, "_harness_observed", None)
    if found is None:
        from harness.testing.observing import observe

        found = observe(session, [item for item in session.items if isinstance(item, CasePoint)])
        session._harness_observed = found  # type: ignore[attr-defined]
    return found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in getattr(config, "_harness_said", ()):
        terminalreporter.write_line(line)
    if any(_OURS.search(getattr(report, "nodeid", "")) for some in terminalreporter.stats.values() for report in some):
        from harness.settings import read_settings

        if code := read_settings(config.rootpath).code():  # here, since under xdist another process collects and runs
            terminalreporter.write_line(f"harness: {code}")
