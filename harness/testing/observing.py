"""Case files as tests: what was observed of the cases that a pytest session selected, and what each test is to say.

All cases are observed together, in worker processes, when the first test asks. Under xdist one process does it and the
others read what it wrote: two observations of one thing would cost twice and could differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.model import Case

if TYPE_CHECKING:
    import pandas as pd
    import pytest


_SHOWN = 12  # surprising rows that a failure lists


@dataclass
class Seen:
    """What one test says. report: why it fails; skip: why it says nothing; expected: known differences that showed."""

    report: str = ""
    skip: str = ""
    expected: list[str] = field(default_factory=list)


class CaseItem(Protocol):
    """A test of one point of one case, as the plugin makes it."""

    path: Path
    name: str
    case: Case
    point: str


class Observed:
    """What was observed, by file, case and point."""

    def __init__(self, seen: dict[str, Seen]) -> None:
        self._seen = seen

    def of(self, item: CaseItem) -> Seen:
        """What is to be said of a test that was selected when the observation was made."""
        return self._seen[key(item)]


def key(item: CaseItem) -> str:
    """What names a test: the file, the case and the point."""
    return f"{item.path}::{item.name}"


def observe(session: pytest.Session, items: Sequence[CaseItem]) -> Observed:
    """Observe and compare the cases of the tests that the session selected. Raises CaseError and RunError."""
    folder = _folder(session.config, items)
    with _alone(folder):
        kept = folder / "tests.json"
        if not kept.exists():
            seen, said = _observed(items, folder, session.config)
            text = json.dumps({"seen": {k: vars(s) for k, s in seen.items()}, "said": said})
            (folder / "tests.json.new").write_text(text, encoding="utf-8")
            (folder / "tests.json.new").replace(kept)
        told = json.loads(kept.read_text(encoding="utf-8"))
    session.config._harness_said = told["said"]  # type: ignore[attr-defined]
    return Observed({k: Seen(**s) for k, s in told["seen"].items()})


def _folder(config: pytest.Config, items: Sequence[CaseItem]) -> Path:
    """A new folder of this session; for the workers of xdist, that of all of them."""
    shared = getattr(config, "workerinput", {}).get("testrunuid", "")
    if not shared:
        return Path(tempfile.mkdtemp(prefix="harness-pytest-"))
    asked = hashlib.sha256("\n".join([shared, *map(key, items)]).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"harness-pytest-{os.getuid() if hasattr(os, 'getuid') else 0}-{asked}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Held by one process at a time; the others wait."""
    import fcntl

    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _observed(items: Sequence[CaseItem], folder: Path, config: pytest.Config) -> tuple[dict[str, Seen], list[str]]:
    """(what each test says, what the session says) of a fresh observation in `folder`."""
    from harness.runs.api import run
    from harness.settings import read_settings

    settings = read_settings(config.rootpath)
    seen: dict[str, Seen] = {}
    said: list[str] = []
    for k, part in enumerate(_apart(items)):
        made = run(
            _whole(part), backends=list(settings.backends) or None, jobs=settings.jobs, output=folder / f"run-{k}",
            allow=settings.modules, progress=False,
        )
        lacking = {**made.absent, **made.failed_targets}
        frame = _compared(made)
        rows = {f"{case}@{point}": some for (case, point), some in frame.groupby(["case", "point"], sort=False)}
        for item in part:
            seen[key(item)] = _said(made, item, rows.get(item.name), lacking)
        said += [f"harness: {target} took no part: {reason}" for target, reason in lacking.items()]
        if any(seen[key(item)].report for item in part):
            said.append(f"harness: what was observed is in {made.path} (harness show {made.path} CASE@POINT)")
        else:
            shutil.rmtree(made.path, ignore_errors=True)
    return seen, list(dict.fromkeys(said))


def _apart(items: Sequence[CaseItem]) -> list[list[CaseItem]]:
    """Tests in runs: two files may use one id for two cases, one run may not."""
    parts: list[tuple[dict[str, Path], list[CaseItem]]] = []
    for item in items:
        fitting = next((p for p in parts if p[0].get(item.case.id, item.path) == item.path), None)
        if fitting is None:
            fitting = ({}, [])
            parts.append(fitting)
        fitting[0][item.case.id] = item.path
        fitting[1].append(item)
    return [part for _, part in parts]


def _whole(items: Sequence[CaseItem]) -> list[Case]:
    """The cases with all their points, also those that were not selected: a strict expectation speaks of all."""
    return list({item.case.id: item.case for item in items}.values())


def _compared(run: Any) -> pd.DataFrame:
    import pandas as pd

    from harness.comparison import compare
    from harness.report.html.rows import normalised

    return normalised(pd.concat([compare([run], axis=axis) for axis in ("backend", "api")], ignore_index=True))


def _said(run: Any, item: CaseItem, rows: pd.DataFrame | None, lacking: dict[str, str]) -> Seen:
    reasons = "; ".join(f"{target}: {reason}" for target, reason in lacking.items())
    if rows is None or rows.empty:
        return Seen(skip=f"nothing could be compared: {reasons or 'one target alone has this function'}")
    known = rows[(rows["expected"] != "") & (rows["verdict"] != "agree") & ~rows["surprising"]]
    told = [f"{verdict}: {reason}" for verdict, reason in zip(known["verdict"], known["expected"], strict=True)]
    seen = Seen(expected=list(dict.fromkeys(told)))
    surprising = rows[rows["surprising"]]
    if not surprising.empty:
        seen.report = _report(run, item, surprising)
    elif lacking:
        seen.skip = f"{reasons} (what was compared held nothing surprising)"
    return seen


def _report(run: Any, item: CaseItem, rows: pd.DataFrame) -> str:
    from harness.api import show
    from harness.report.exports.junit import line

    head = f"{item.name} ({item.case.place}): {len(rows)} surprising comparison{'s' if len(rows) > 1 else ''}"
    first = [{str(k): v for k, v in row.items()} for row in rows.head(_SHOWN).to_dict("records")]
    lines = [f"  [{row['dtype']}] {line(row)}" for row in first]
    if len(rows) > _SHOWN:
        lines.append(f"  and {len(rows) - _SHOWN} more")
    page = [x for x in show(run, item.name).splitlines() if not x.startswith(("agree ", "unsupported "))]
    return "\n".join([head, *lines, "", *page])
