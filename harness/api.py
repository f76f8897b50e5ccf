"""The Python API: observe, open, compare, show. Everything returns pandas frames or text; nothing prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from harness.formats import DTYPES
from harness.model import Case, CaseError
from harness.runs import Run
from harness.selection import Selection

if TYPE_CHECKING:
    from harness.comparison.frame import Comparison
    from harness.findings import Finding
    from harness.runs import Executor, Progress
    from harness.site import Site

Runs = str | Path | Run | Sequence[str | Path | Run]
Axis = Literal["backend", "api", "mode", "device", "dtype", "version"]
Dtype = Literal["complex64", "complex128", "float32", "float64", "float16", "bfloat16"]
Format = Literal["html", "markdown", "junit", "sarif", "badge"]


def run(
    cases: str | Path | Case | Iterable[str | Path | Case] | None = None,
    *,
    backends: Sequence[str] | str | None = None,
    devices: Sequence[str] | str | None = None,
    modes: Sequence[str] | str | None = None,
    dtypes: Sequence[Dtype] | Dtype | None = None,
    select: Sequence[str] | str | None = None,
    apis: Sequence[str] | str | None = None,
    jobs: int | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    allow: Sequence[str] | str = (),
    python: Mapping[str, str | Sequence[str]] | None = None,
    seconds: float | None = None,
    memory: float | None = None,
    reference: bool = True,
    progress: Progress | bool | None = None,
    executor: Executor | str | None = None,
    reuse: bool | str | Path = False,
    tour: bool = False,
    require_sandbox: bool = False,
) -> Run:
    """Observe cases on every installed framework; see harness.runs.api.run for the options.

    cases: Case objects, or paths of case files and folders; None is the installed catalogue. A single word where
    several may be given is one of them. Raises CaseError and RunError.
    """
    from harness.cases import catalogue_path
    from harness.runs.api import as_words
    from harness.runs.api import run as observe

    if cases is None:
        cases = [catalogue_path()]
    elif isinstance(cases, str | Path | Case):
        cases = [cases]
    return observe(
        list(cases), backends=as_words(backends), devices=as_words(devices), modes=as_words(modes),
        dtypes=as_words(dtypes), select=select, apis=as_words(apis), jobs=jobs, output=output, resume=resume,
        allow=as_words(allow) or (), python=python, seconds=seconds, memory=memory, reference=reference,
        progress=progress, executor=executor, reuse=reuse, tour=tour, require_sandbox=require_sandbox,
    )


def open_run(path: str | Path | Run) -> Run:
    """A recorded run, complete or interrupted."""
    return path if isinstance(path, Run) else Run.open(path)


def _runs(runs: Runs) -> list[Run]:
    if isinstance(runs, str | Path | Run):
        runs = [runs]
    return [open_run(run) for run in runs]


def compare(
    runs: Runs, axis: Axis = "backend", select: Sequence[str] | str | None = None, expect: Sequence[Case] | None = None
) -> Comparison:
    """Every pair of observations that differ along `axis` only; one row a pair, the columns of the contract.

    axis: backend, api, mode, device, dtype or version. select: globs on CASE or CASE@POINT. expect: cases whose
    expectations take the place of those that were recorded with the runs.
    """
    from harness.comparison import compare as join

    return join(_runs(runs), axis=axis, select=select, expect=expect)


def diff(
    old: str | Path | Run, new: str | Path | Run, *, select: Sequence[str] | str | None = None, evidence: Runs = (),
    unchanged: bool = False,
) -> pd.DataFrame:
    """What changed between two runs: the contract's columns and `change`; see harness.history.diff.diff."""
    from harness.history import diff as changes

    return changes(open_run(old), open_run(new), select=select, evidence=_runs(evidence), unchanged=unchanged)


def timeline(runs: Runs, select: Sequence[str] | str | None = None) -> pd.DataFrame:
    """One row for each function and question that changed, one column a version; see harness.history.timeline."""
    from harness.history import timeline as history

    return history(_runs(runs), select=select)


def accuracy(runs: Runs, select: Sequence[str] | str | None = None) -> pd.DataFrame:
    """Worst and median error in ulp of the value, of d/dz and of d/dz*, for each function, dtype, backend and API.

    runs: recorded with the reference. select: globs on CASE or CASE@POINT. See
    harness.comparison.accuracy, whose columns docs/columns.md explains.
    """
    from harness.comparison.accuracy import accuracy as table

    return table(_runs(runs), select=select)


def known(*names: str) -> pd.DataFrame:
    """What is known of functions without running anything, one row a defect; see harness.recorded.functions.

    names: functions in torch's, JAX's or the portable spelling, globs of them, or source files of a port.
    """
    from harness.recorded.functions import known as looked_up
    from harness.report.known import frame

    return frame(looked_up(*names))


def devices(
    backends: Sequence[str] | None = None, python: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The devices of each backend: backend, device, usable, reason, environment; see harness.runs.devices."""
    from harness.runs.devices import devices as listed

    return listed(backends, python or {})


def conventions(backends: Sequence[str] | None = None) -> pd.DataFrame:
    """The measured convention of each API of each backend: backend, api, map, declared, note."""
    from harness.convention.measure import measure_all

    return measure_all(backends)


def show(run: str | Path | Run, what: str, dtype: str | None = None, *, everything: bool = False) -> Page:
    """The answer about a case, or about one of its points ("CASE@POINT"), from a recorded run.

    Without a point it is that of the most telling one: a side wrong at an ordinary point, else wrong anywhere, else the
    worst that there is. dtype: default the widest. everything: every raw result, verdict and digit, of all points.
    A text, which a notebook shows as such. Raises CaseError.
    """
    from harness.report.point_page import point_page

    opened = open_run(run)
    found = Selection([what]).chosen(opened.cases)
    if len(found) > 1:
        names = ", ".join(c.id for c in found[:6])
        raise CaseError(f"{what!r} selects {len(found)} cases; one page shows one", None, names)
    (case,) = found
    observations = opened.observations(case.id)
    seen = [d for d in case.dtypes if d in set(observations["dtype"].astype(str))] or list(case.dtypes)
    wanted = dtype or seen[-1]
    if wanted not in case.dtypes:
        raise CaseError(f"case {case.id!r} was not run at {wanted}", None, ", ".join(seen))
    observations = observations[observations["dtype"].astype(str) == wanted]
    axes: tuple[Axis, ...] = ("backend", "api")
    every = pd.concat([compare(opened, axis, [case.id]) for axis in axes], ignore_index=True)
    frame = every[every["dtype"].astype(str) == wanted]
    points = case.points
    if everything:
        from harness.report.show import show as whole

        return Page("\n\n".join(
            whole(case, p, wanted, _at(observations, p.name), _at(frame, p.name), opened.array, _digits())
            for p in points))
    told = ""
    if "@" not in what and len(points) > 1:
        name = _telling(frame, [p.name for p in points])
        points = tuple(p for p in points if p.name == name)
        told = f"\n   the most telling of {len(case.points)} points; another one: CASE@POINT"
    if dtype is None:
        told = _elsewhere(every, [p.name for p in points], wanted) + told
    return Page("\n\n".join(
        point_page(str(opened.path), case, p, wanted, _at(observations, p.name), _at(frame, p.name), opened.array)
        for p in points) + told)


def _elsewhere(frame: pd.DataFrame, points: Sequence[str], shown: str) -> str:
    """That a side is wrong at a dtype that is not shown, where none is at the one that is."""
    wrong = frame[(frame["kind"] == "defect") & frame["point"].astype(str).isin(points)]
    told = list(dict.fromkeys(wrong["dtype"].astype(str)))
    return "" if shown in told else "".join(f"\n   a side is wrong at {d}: --dtype {d}" for d in told)


class Page(str):
    """A page of text that a notebook shows line by line."""

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


def _telling(frame: pd.DataFrame, points: Sequence[str]) -> str:
    """The point of the worst row, an ordinary one first; the first one where nothing was compared."""
    rows = frame[frame["point"].astype(str).isin(points)]
    if rows.empty:
        return points[0]
    defect = (rows["kind"] == "defect").to_numpy()
    usual = rows["ordinary"].to_numpy(dtype=bool)
    rank = rows["kind"].cat.codes.to_numpy() * (rows["kind"] != "refused").to_numpy()
    order = np.lexsort((np.arange(len(rows)), ~usual, -rank, ~(defect & usual)))
    return str(rows["point"].iloc[int(order[0])])


def _at(frame: pd.DataFrame, point: str) -> pd.DataFrame:
    return frame[frame["point"].astype(str) == point]


def _digits() -> Any:
    from harness.reference import digits

    return digits


def findings(
    runs: Runs, select: Sequence[str] | str | None = None, expect: Sequence[Case] | None = None, *,
    scripts: bool = False, jobs: int = 1, told: Callable[[Finding], None] | None = None, hunted: bool = False,
) -> list[Finding]:
    """The distinct defects of recorded runs, one a cause; see harness.findings.

    expect: cases whose causes take the place of those that were recorded. scripts: write a script for each and run it,
    `jobs` at a time (seconds each); told is called with each finding whose script has run. hunted: with those that no
    case of the catalogue shows, of the recorded frameworks.
    """
    from harness.findings import collect, confirm_all, from_hunts

    opened = _runs(runs)
    frame = compare(opened, "backend", select, expect)
    cases = list(expect) if expect is not None else [case for run in opened for case in run.cases]
    targets = [target for run in opened for target in run.targets]
    found = collect(frame, cases, targets)
    if hunted:
        found = sorted([*found, *from_hunts(targets)], key=lambda f: (f.framework, f.id))
    return confirm_all(found, opened, jobs=jobs, told=told) if scripts else found


def report(
    runs: Runs, output: str | Path | None = None, *, format: Format = "html",
    select: Sequence[str] | str | None = None, expect: Sequence[Case] | None = None, title: str = "Comparison report",
    atlas: str | Path | None = None, scripts: int = 0, told: Callable[[str], None] | None = None,
) -> Path | str:
    """The report of recorded runs: the path of one HTML file, or the text of another format.

    output: where HTML goes (default report.html); of other formats nothing is written. expect: cases whose expectations
    take the place of those that were recorded. atlas: a folder of figures. scripts: so many reproduction scripts are
    put into the HTML, each run before it is believed (seconds each; told gets a line for it). Raises HarnessError,
    OSError.
    """
    opened = _runs(runs)
    targets = {(t["backend"], t["environment"]) for r in opened for t in r.targets}
    several = len(targets) > len({backend for backend, _ in targets})
    wanted: tuple[Axis, ...] = ("backend", "api", "version") if several else ("backend", "api")
    axes = [compare(opened, axis=axis, select=select, expect=expect) for axis in wanted]
    frame = pd.concat(axes, ignore_index=True)
    if format == "html":
        from harness.report.html import write
        from harness.report.html.atlas import in_folder
        from harness.repro.recorded import scripts as scripts_of

        try:
            figures = None if atlas is None else in_folder(atlas)
        except (OSError, ValueError, KeyError) as error:
            raise CaseError(f"no figures in {atlas}: {error}") from error
        made = scripts_of(opened, axes[0], most=scripts, told=told) if scripts > 0 else None
        return write(opened, frame, output or "report.html", title=title, repro=made, atlas=figures,
                     timeline=_history(opened, select) if several else None)
    from harness.report import exports
    from harness.selection import families

    cases = {case.id: case for run in opened for case in run.cases}
    more: dict[str, Any] = {}
    if format == "sarif":
        more = {"cases": list(cases.values())}
    elif format == "junit":
        more = {"families": families(cases.values()), "places": {k: c.place for k, c in cases.items()},
                "seconds": _seconds(opened)}
    return str(getattr(exports, format)(frame, **more))


def _seconds(runs: Sequence[Run]) -> dict[tuple[str, str, str], float]:
    """How long each (case, point, dtype) was observed for, over all backends."""
    out: dict[tuple[str, str, str], float] = {}
    for run in runs:
        keys = [run.table().column(name).to_pylist() for name in ("case", "point", "dtype")]
        for case, point, dtype, took in zip(*keys, run.seconds, strict=True):
            out[case, point, dtype] = out.get((case, point, dtype), 0.0) + (float(took) if took == took else 0.0)
    return out


def _history(runs: Sequence[Run], select: Sequence[str] | str | None) -> pd.DataFrame | None:
    """The timeline of runs of several versions; None where no backend was observed at two of them."""
    from harness.comparison.errors import CompareError

    try:
        return timeline(list(runs), select=select)
    except CompareError:
        return None


def repro(run: str | Path | Run, where: str, culprit: str | None = None) -> tuple[str, bool, str]:
    """(script, whether it confirms the finding, what it printed) for a point at which a side was named wrong.

    where: CASE@POINT. culprit: the backend to show; None takes the first that is named. The derivative is shown before
    the value, the widest dtype before the others. Raises CaseError where nobody is named wrong there.
    """
    from harness.repro.recorded import script_of

    opened = open_run(run)
    frame = compare(opened, "backend", [where])
    rows = frame[(frame["culprit"].astype(str) != "") & (frame["right"].astype(str) == "reference")]
    if culprit:
        rows = rows[rows["culprit"].astype(str) == culprit]
    rows = rows[rows["quantity"].astype(str).isin(["differential", "hessian", "third", "value"])]
    if rows.empty:
        raise CaseError(f"nobody is named wrong at {where}", None, "harness show says what was found there")
    rows = rows.assign(width=rows["dtype"].astype(str).map({word: -form.digits for word, form in DTYPES.items()}))
    row = {str(k): v for k, v in rows.sort_values(["quantity", "width"], kind="stable").iloc[0].items()}
    return script_of(row, [(opened, opened.observations())])


__all__ = [
    "accuracy",
    "compare",
    "conventions",
    "devices",
    "diff",
    "findings",
    "known",
    "open_run",
    "report",
    "repro",
    "run",
    "show",
    "site",
    "timeline",
]


def site(
    output: str | Path, runs: Runs | None = None, *, docs: str | Path | None = None, base: str = ""
) -> Site:
    """Write a static site of what is known of each function into a folder; see harness.site.

    runs: recorded over releases, one with the reference; None takes the tables of results that come with the program,
    and its catalogue. docs: a folder of markdown. base: where it will be published. The feed is dated by
    SOURCE_DATE_EPOCH (seconds since 1970) where that is set, else by now. Raises HarnessError, OSError.
    """
    import os
    from datetime import UTC, datetime

    from harness.cases import catalogue_path
    from harness.cases.catalogue import load
    from harness.findings import frame
    from harness.site import write

    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    options: dict[str, Any] = {
        "docs": None if docs is None else Path(docs), "base": base, "updated": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if runs is None:
        return write(Path(output), load([catalogue_path()]), **options)
    opened = _runs(runs)
    cases = {case.id: case for run in opened for case in run.cases}
    return write(
        Path(output), list(cases.values()), history=_texts(timeline(opened)),
        findings=_texts(frame(findings(opened))), errors=_texts(accuracy(opened)), **options,
    )


def _texts(frame: pd.DataFrame) -> list[dict[str, str]]:
    """The rows of a frame as words; "" where there is nothing."""
    return [{str(k): "" if v is None or v != v else str(v) for k, v in row.items()} for row in frame.to_dict("records")]
