"""GitHub-flavoured markdown: a comment on a pull request, or the summary of a CI job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.report.exports.escaping import code, prose
from harness.report.exports.groups import Difference, differences, some
from harness.report.headline import function_outcomes, headline, sentence
from harness.report.html.rows import normalised
from harness.report.verdict_style import OUTCOMES, style
from harness.verdicts import worst

#: GitHub refuses comments of more than 65,536 characters.
LIMIT = 64_000


def markdown(
    frame: pd.DataFrame, *, title: str = "Gradient comparison", runs: Sequence[Any] = (),
    families: Mapping[str, str] | None = None, limit: int = LIMIT,
) -> str:
    """Headline, outcomes, surprising differences, then details blocks: what is expected, by family, what ran.

    frame: a comparison frame. runs: for versions and families. families: case id -> family (default: the runs').
    limit: characters; what does not fit is counted, never dropped silently.
    """
    rows = normalised(frame)
    head = headline(rows)
    known = families if families is not None else {c.id: c.family for r in runs for c in r.cases}
    parts = [f"## {prose(title)}", "", prose_sentence(sentence(head)), ""]
    parts += _outcomes(head.outcomes, head.culprits)
    found = differences(rows)
    surprising = [d for d in found if d.surprising]
    if surprising:
        total = sum(d.rows for d in surprising)
        parts += [f"### Surprising: {total:,} comparisons in {len(surprising):,} groups, worst first", ""]
        room = limit - 400 - sum(map(len, parts))
        fitting = (t for t in (_table(surprising, n) for n in (30, 15, 7, 3)) if sum(map(len, t)) < room)
        parts += next(fitting, ["They do not fit here; the HTML report lists them.", ""])
    else:
        parts += ["Nothing surprising.", ""]
    blocks = [_details("By family", _families(rows, known))]
    if len(found) > len(surprising):
        expected = [d for d in found if not d.surprising]
        blocks.insert(0, _details(f"Known differences ({len(expected):,} groups)", _table(expected, 100)))
    if runs:
        blocks.append(_details("What ran", _ran(runs)))
    text = "\n".join(parts)
    for block in blocks:
        more = "\n".join(block)
        if len(text) + len(more) > limit - 100:
            text += "\n\nSome tables did not fit here; the HTML report has them.\n"
            break
        text += "\n" + more
    return text.rstrip() + "\n"


def prose_sentence(text: str) -> str:
    """Our own sentence: only names of backends in it could carry markup."""
    return prose(text, 2000).replace("\\(", "(").replace("\\)", ")").replace("\\-", "-")


def _outcomes(outcomes: Mapping[str, int], culprits: Mapping[str, int]) -> list[str]:
    lines = ["| | outcome | functions |", "|:-:|:--|--:|"]
    for name, o in OUTCOMES.items():
        if not outcomes[name]:
            continue
        sides = ", ".join(f"{code(side, 60)} {n:,}" for side, n in culprits.items()) if name == "wrong" else ""
        lines.append(f"| {o.symbol} | {o.title}{': ' + sides if sides else ''} | {outcomes[name]:,} |")
    return [*lines, ""]


def _table(found: Sequence[Difference], most: int) -> list[str]:
    lines = ["| verdict | function | points | sides | culprit | max rel | what |", "|:--|:--|:--|:--|:--|--:|:--|"]
    for d in found[:most]:
        s = style(d.verdict)
        size = "" if d.max_rel != d.max_rel else f"{d.max_rel:.2g}"
        culprit = f"**{code(d.culprit, 40)}**" + (f" ({d.evidence})" if d.evidence else "") if d.culprit else ""
        points = ", ".join(code(p, 40) for p in d.points[:2]) + (f" +{len(d.points) - 2}" if len(d.points) > 2 else "")
        what = prose(d.expected or d.note or some(d.apis, 2), 160)
        sides = code(d.sides[0], 60) + (f" +{len(d.sides) - 1}" if len(d.sides) > 1 else "")
        lines.append(
            f"| {s.symbol} {prose(d.verdict, 30)} | {code(d.case, 60)} | {points} | "
            f"{sides} | {culprit} | {size} | {what} |"
        )
    if len(found) > most:
        lines.append(f"\n… and {len(found) - most:,} more groups.")
    return [*lines, ""]


def _families(rows: pd.DataFrame, families: Mapping[str, str]) -> list[str]:
    outcome = function_outcomes(rows)
    table: dict[str, dict[str, int]] = {}
    worst_of: dict[str, str] = {}
    for case, name in outcome.items():
        family = families.get(str(case), "") or "no family"
        table.setdefault(family, {})[name] = table.get(family, {}).get(name, 0) + 1
    verdicts = rows[~((rows["verdict"] == "unsupported") & (rows["quantity"] == "raw"))]
    for case, part in verdicts.groupby("case")["verdict"]:
        family = families.get(str(case), "") or "no family"
        worst_of[family] = worst([*part.unique(), worst_of.get(family, "")])
    used = [o for o in OUTCOMES.values() if any(o.name in counts for counts in table.values())]
    lines = ["| family | worst | " + " | ".join(f"{o.symbol} {o.title}" for o in used) + " |",
             "|:--|:--|" + "--:|" * len(used)]
    for family in sorted(table):
        bad = worst_of.get(family, "")
        cells = " | ".join(f"{table[family][o.name]:,}" if o.name in table[family] else "" for o in used)
        lines.append(f"| {code(family, 60)} | {style(bad).symbol + ' ' + prose(bad, 30) if bad else ''} | {cells} |")
    return [*lines, ""]


def _ran(runs: Sequence[Any]) -> list[str]:
    from harness.report.html.facts import describe_run

    lines = ["| backend | versions | device | mode | recorded |", "|:--|:--|:--|:--|:--|"]
    for run in runs:
        told = describe_run(run)
        for t in told["targets"]:
            state = "" if told["complete"] else " (incomplete)"
            cells = [code(t[k], 120) for k in ("backend", "versions", "device", "mode")]
            lines.append("| " + " | ".join([*cells, prose(told["started"] + state)]) + " |")
    return [*lines, ""]


def _details(summary: str, body: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{summary}</summary>", "", *body, "</details>", ""]
