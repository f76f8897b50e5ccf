"""Findings as a frame, as lines for a terminal, as markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap

import pandas as pd

from harness.findings.collect import UNREPORTED, Finding
from harness.findings.exhibit import exhibit
from harness.report.exports.escaping import code, inert
from harness.report.text import markdown_table
from harness.report.text import width as screen_width
from harness.verdicts import severity

#: Columns of the CSV form, a row a finding.
COLUMNS = (
    "id", "framework", "function", "cases", "points", "dtypes", "apis", "quantities", "versions", "verdict", "culprit",
    "evidence", "size", "sentence", "link", "script", "confirmed", "ordinary", "since", "fixed",
)

_WHAT = (
    "A finding is one defect, however many functions, points and APIs it shows in. The evidence is never the other "
    "framework: it is a closed form, the reference in arbitrary precision, finite differences of the framework's own "
    "values, or an assertion of the framework itself. `size` is the largest relative error."
)


def frame(findings: Sequence[Finding], folder: str = "") -> pd.DataFrame:
    """One row a finding, the columns of COLUMNS; lists are joined by spaces.

    folder: where the scripts lie, as `script` shall name them. confirmed: True, False, or None where no script ran.
    """
    return pd.DataFrame(
        [
            (
                f.id, f.framework, " ".join(f.functions), " ".join(f.cases), " ".join(f.points), " ".join(f.dtypes),
                " ".join(f.apis), " ".join(f.quantities), f.versions, f.verdict, " ".join(f.culprit),
                " ".join(f.evidence), f.size, f.sentence, f.link or UNREPORTED, script_name(f, folder), f.confirmed,
                f.ordinary, f.since, f.fixed,
            )
            for f in findings
        ],
        columns=list(COLUMNS),
    )


def script_name(finding: Finding, folder: str = "") -> str:
    """The file of a finding's script; "" where there is none."""
    if not finding.script:
        return ""
    return f"{folder.rstrip('/')}/{finding.id}.py" if folder else f"{finding.id}.py"


def text(findings: Sequence[Finding], width: int | None = None) -> str:
    """Two lines or more for each, those at ordinary points first, worst first; then how many there are.

    What it is called, of which function, since when and until when, where it is reported; then its sentence.
    """
    if not findings:
        return "no findings: nobody is wrong on evidence that is not the other framework"
    columns = width or screen_width()
    blocks = [_block(f, columns) for f in by_weight(findings)]
    return "\n".join(blocks) + f"\n\n{summary(findings)}"


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Ordinary points first, then the worst verdict, then the most points."""
    return sorted(findings, key=lambda f: (not f.ordinary, -severity(f.verdict), -f.ordinary, -len(f.points), f.id))


def _block(f: Finding, columns: int) -> str:
    where = f"{f.ordinary} ordinary of {len(f.points)}" if f.ordinary else f"{len(f.points) or 3} extreme"
    span = f"since {f.since}" if f.since else ""
    span += f", right again in {f.fixed}" if f.fixed else ""
    many = "" if len(f.points) == 1 else "s"
    parts = [" ".join(f.functions[:2]), f"{f.verdict} {size(f.size)}".strip(), f"{where} point{many}", span,
             f.link, f"script {_mark(f)}" if _mark(f) else ""]
    lines = [f.id, *wrap("; ".join(p for p in parts if p), columns, initial_indent="  ", subsequent_indent="    ",
                         break_long_words=False, break_on_hyphens=False)]
    return "\n".join([*lines, *wrap(f.sentence, columns, initial_indent="  ", subsequent_indent="  ",
                                    break_long_words=False, break_on_hyphens=False)])


def summary(findings: Sequence[Finding]) -> str:
    """One sentence: how many findings, of which frameworks, how many confirmed."""
    frameworks: dict[str, int] = {}
    for f in findings:
        frameworks[f.framework] = frameworks.get(f.framework, 0) + 1
    told = ", ".join(f"{count} in {name}" for name, count in sorted(frameworks.items()))
    ran = [f for f in findings if f.confirmed is not None]
    sure = sum(f.confirmed is True for f in ran)
    tail = f"; {sure} confirmed by their own scripts" if ran else ""
    return f"{len(findings)} findings: {told}{tail}."


def size(value: float) -> str:
    """A relative error in two digits; "nan/inf" for what is not finite."""
    return "nan/inf" if math.isinf(value) else "" if math.isnan(value) else f"{value:.2g}"


def _mark(finding: Finding) -> str:
    return {True: "confirmed", False: "not confirmed", None: "none" if finding.output else ""}[finding.confirmed]


def markdown(findings: Sequence[Finding], folder: str = "") -> str:
    """A page: the sentence, the list, a section for each finding; what no script confirms stands apart, at the end."""
    sure = [f for f in findings if f.confirmed is not False and not (f.output and not f.script)]
    open_ones = [f for f in findings if f not in sure]
    lines = ["# Findings", "", summary(sure), "", _WHAT, ""]
    rows = []
    for f in sure:
        path = script_name(f, folder)
        script = f"[{_mark(f) or 'script'}]({path})" if path else _mark(f)
        names = ", ".join(f"`{n}`" for n in f.functions[:3]) + (", ..." if len(f.functions) > 3 else "")
        rows.append([f"[{f.id}](#{f.id.replace('.', '')})", names, f.verdict, ", ".join(f.evidence), size(f.size),
                     str(len(f.points) or ""), script])
    lines += markdown_table(["finding", "function", "verdict", "evidence", "size", "points", "script"], rows)
    for f in sure:
        lines += _section(f, folder)
    if open_ones:
        lines += ["", "## Not confirmed by a script", "", "The evidence stands, but no short script shows it.", ""]
        lines += [f"- {f.id}: {_escaped(f.sentence)} ({_some(f.points, 3)})" for f in open_ones]
    return "\n".join(lines) + "\n"


def _section(f: Finding, folder: str) -> list[str]:
    lines = ["", f"## {f.id}", "", _escaped(f.sentence), ""]
    lines += [
        f"- {inert(f.versions)}; culprit: {', '.join(f.culprit)}; verdict: {f.verdict}; "
        f"evidence: {', '.join(f.evidence)}",
        f"- seen at {_some(f.points) if f.points else _inside(f)} ({', '.join(f.dtypes)}; "
        f"{inert(', '.join(f.apis)) or ', '.join(f.quantities)})",
        f"- upstream: {f.link or UNREPORTED}",
    ]
    if f.script:
        lines.append(f"- script: [{script_name(f, folder)}]({script_name(f, folder)}), {_mark(f) or 'not run'}")
        said = [line.replace("```", "'''") for line in f.output.splitlines() if line.strip()]
        lines += ["", "```", *said[-6:], "```"]
    return lines


def _inside(f: Finding) -> str:
    """Where a defect that no case shows was looked at: points of its exhibit, and points where it is not."""
    e = exhibit(f.id)
    assert e is not None
    return f"x = {_some(e.inside)}, not at {_some(e.outside)}"


def _some(words: Sequence[str], most: int = 8) -> str:
    return ", ".join(code(w) for w in words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _escaped(sentence: str) -> str:
    return inert(sentence).replace("|", "\\|").replace("*", "\\*")
