"""The report as one self-contained HTML file: no network, no build step, no library.

`write` gathers the parts; the page itself is in static/ (template, style sheet, scripts in numerical order), which
are concatenated as they are. A Content-Security-Policy in the page forbids every request and every script but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from harness.comparison.observations import Observations
from harness.report.headline import headline, sentence, unasked
from harness.report.html import facts
from harness.report.html.atlas import Figure, embed
from harness.report.html.chapters import Repro, chapters
from harness.report.html.pack import encode, pack
from harness.report.html.rows import Advice, columns, normalised
from harness.report.verdict_style import CONVENTION, GROUPS, OUTCOMES, STYLES, Style
from harness.version import __version__

#: Largest file that is aimed at. Details of agreeing functions, then atlas figures, give way; what was left out is
#: said on the page.
SIZE_LIMIT = 14_000_000
#: Characters of atlas figures: a page is mailed and attached, and a folder of figures is there for all of them.
ATLAS_LIMIT = 4_000_000


_WORDS = (
    ("case", "one mathematical function and the points where it is differentiated"),
    ("point", "one concrete set of inputs"),
    ("pullback, pushforward", "the differential recovered from reverse mode and from forward mode"),
    ("differential", "the real Jacobian of (Re f, Im f) by (Re z, Im z): what is left when conventions are removed"),
    ("Wirtinger pair", "∂f/∂z and ∂f/∂z*, with f' = ∂f/∂z and ∂f/∂z* = 0 where f is holomorphic"),
    ("raw", "what an API returned, as its users see it"),
    ("relation", "how two raw results are related: equal, conjugate, negated, factor, real part only, ..."),
    ("culprit", "the side that is wrong; named only on evidence that is not the other side"),
    ("evidence", "closed form, arbitrary-precision reference, or finite differences with an error estimate"),
    ("blind", "this point cannot tell a conjugation or a sign apart: no evidence about conventions"),
    ("expected", "a known difference that the case states, with its reason"),
    ("surprising", "a difference that nothing explains or expects, or an expected one that no longer happens"),
    ("ulp", "units in the last place of the row's dtype: against the reference where there is one"),
)


def write(
    runs: Sequence[Any],
    comparison_frame: pd.DataFrame,
    output_path: str | Path,
    *,
    findings: pd.DataFrame | None = None,
    timeline: pd.DataFrame | None = None,
    atlas: Mapping[str, Any] | Iterable[Figure] | None = None,
    repro: Repro = None,
    advice: Advice | None = None,
    title: str = "Comparison report",
    versions: Sequence[str] | None = None,
    size_limit: int = SIZE_LIMIT,
) -> Path:
    """Write the report and return its path.

    runs: the Run objects that were compared (header, complete, cases, observations()); may be empty, the report then
        has no case details.
    comparison_frame: the contract's columns; several axes may be concatenated.
    findings, timeline: frames, each optional. versions: names of the timeline's version columns (default: guessed).
    atlas: figures, or a mapping from a name (a case id where possible) to a PNG's path; the first ones are kept where
        not all fit.
    repro: (case, point) -> script, as a mapping or a function that may return None.
    advice: a sentence for a row; default harness.report.advice.advice.
    Raises ValueError for a frame that is not a comparison frame, OSError where the file cannot be written.
    """
    if advice is None:
        from harness.report.advice import advice as by_verdict

        advice = by_verdict
    frame = normalised(comparison_frame)
    lone = unasked(frame)
    frame = frame[~lone].reset_index(drop=True)
    cases = {c.id: c for run in runs for c in _cases(run)}
    head = headline(frame)
    meta, text, numbers, flags, words = columns(frame, {k: c.family for k, c in cases.items()}, advice)
    figures, atlas_text, unshown = embed(atlas, min(ATLAS_LIMIT, size_limit // 2))
    outcome = {case: list(OUTCOMES)[k] for case, k in zip(words["case"], meta["caseOutcome"], strict=True)}
    seen = Observations([r.table() if hasattr(r, "table") else r.observations() for r in runs])
    body, places, omitted = chapters(seen, runs, cases, outcome, repro, size_limit * 9 // 10 - len(atlas_text))
    meta |= _vocabulary(head) | {
        "title": title, "sentence": sentence(head), "surprising": head.surprising, "blind": head.blind,
        "culprits": dict(head.culprits), "runs": [facts.describe_run(r, seen, k) for k, r in enumerate(runs)],
        "findings": facts.findings(findings, frame, comparison_frame),
        "timeline": facts.timeline(timeline, versions), "atlas": figures,
        "details": [places.get(c) for c in words["case"]], "omitted": omitted,
        "unasked": int(lone.sum()), "atlasOmitted": unshown,
    }
    page = _page(
        title=title,
        sentence=sentence(head),
        outcomes=head.outcomes,
        data=encode(pack(meta, text, numbers, flags, words)),
        details=body,
        atlas=atlas_text,
    )
    path = Path(output_path)
    path.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    return path


def _vocabulary(head: Any) -> dict[str, Any]:
    """The words of the page, how they look, and how often each outcome occurs."""
    unknown = Style("?", "?", "a verdict that this report does not know")
    return {
        "outcomes": [
            {"name": o.name, "title": o.title, "symbol": o.symbol, "group": o.group, "meaning": o.meaning,
             "severity": len(OUTCOMES) - k, "verdict": o.title, "count": head.outcomes[o.name]}
            for k, o in enumerate(OUTCOMES.values())
        ],
        "styles": {name: _style(s) for name, s in {**STYLES, "convention": CONVENTION, "?": unknown}.items()},
        "legend": {"verdicts": list(STYLES), "words": _WORDS},
    }


def _cases(run: Any) -> Iterable[Any]:
    cases = run.cases
    return list(cases.values()) if isinstance(cases, Mapping) else list(cases)


def _style(s: Style) -> dict[str, Any]:
    return {"verdict": s.verdict, "symbol": s.symbol, "group": s.group, "severity": s.severity, "meaning": s.meaning}


def _static(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def _scripts() -> str:
    folder = resources.files(__package__).joinpath("static")
    names = sorted(p.name for p in folder.iterdir() if p.name.endswith(".js"))
    return '(() => {\n"use strict";\n' + "\n".join(_static(n) for n in names) + "})();\n"


def _colours() -> str:
    """The groups' colours as custom properties: light, dark by preference, and dark by choice."""
    light = "".join(f"--{g.name}:{g.ink};--{g.name}-fill:{g.fill};" for g in GROUPS.values())
    fills = {"failed": "#C9CED4"}  # black areas do not show on a dark page
    dark = "".join(f"--{g.name}:{g.ink_dark};--{g.name}-fill:{fills.get(g.name, g.fill)};" for g in GROUPS.values())
    dark += (
        "--bg:#15191d;--bg-soft:#1d2227;--bg-raised:#1a1f24;--ink:#e7eaed;--dim:#9ba6b1;--line:#2c333a;"
        "--line-strong:#4a545e;--accent:#7cbcf2;--focus:#8fc8f8;--mark:#4c2a14;--mark-ink:#ffc49c;"
        "--shadow:0 8px 28px rgb(0 0 0 / .5);color-scheme:dark;"
    )
    groups = "".join(f".g-{g}{{--g:var(--{g});--f:var(--{g}-fill)}}" for g in GROUPS)
    return (
        f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}{groups}"
    )


def _page(*, title: str, sentence: str, outcomes: Mapping[str, int], data: str, details: str, atlas: str) -> str:
    style, script = _static("style.css") + _colours(), _scripts()
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    icon = (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E%3Cpath d='M3 17 10 3l7 14'"
        " fill='none' stroke='%230072B2' stroke-width='2.4'/%3E%3C/svg%3E"
    )
    fallback = "".join(
        f"<tr><th scope='row'>{escape(OUTCOMES[name].title)}</th><td>{count}</td></tr>"
        for name, count in outcomes.items()
    )
    parts = {
        "csp": escape(policy, quote=True).replace("&#x27;", "'"), "title": escape(title), "style": style, "icon": icon,
        "sentence": escape(sentence), "fallback": fallback, "data": data, "details": details, "atlas": atlas,
        "script": script, "generator": f"wirtinger-harness {escape(__version__)}",
        "footer": f"Made by wirtinger-harness {escape(__version__)}. Everything on this page is in this one file.",
    }
    # One pass over the template: what is put in is never looked at again, so no text can pose as a placeholder.
    pieces = _static("template.html").split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        out += [parts[name], rest]
    return "".join(out)


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


__all__ = ["SIZE_LIMIT", "Figure", "write"]
