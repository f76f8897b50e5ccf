"""What the site says of each function and release: from the committed tables, or from recorded runs.

Everything here is read off tables that the harness itself made; nothing is decided anew and nothing is typed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import expr
from harness.comparison.ordinary import ordinary_points
from harness.model import Case
from harness.recorded.functions import Defect, calls_of, defects, names_of, spellings
from harness.recorded.tables import FINDINGS, TIMELINE, folder, rows

#: A release column of the timeline: "torch 2.13.0".
_RELEASE = re.compile(r"(torch|jax) \d[\w.+-]{0,60}")
#: What a cell can say, worst first: symbol, group of colours, word, meaning.
STATES: Mapping[str, tuple[str, str, str, str]] = {
    "crash": ("⊗", "failed", "crash", "the process dies"),
    "wrong": ("≠", "wrong", "wrong", "wrong at ordinary inputs"),
    "edge": ("≉", "value", "extreme", "wrong at extreme inputs"),
    "failed": ("!", "failed", "fails", "fails with an error that is not a refusal"),
    "refused": ("⊘", "refused", "refused", "a derivative is refused"),
    "differs": ("?", "explained", "undecided", "releases answer differently, and nothing decides which is right"),
    "right": ("✓", "agree", "right", "right, where another release is not"),
    "steady": ("·", "refused", "same", "the same answer in every recorded release, and no recorded defect"),
}
_WORDS = {"refused": "refused", "unsupported": "refused", "error": "failed", "timeout": "failed", "crash": "crash",
          "right": "right", "ok": "right"}
#: Questions about the derivative itself; what one API returns is told apart, since it speaks of all functions at once.
_QUANTITIES = ("value", "differential", "hessian")


@dataclass(frozen=True)
class Cell:
    """One release of one framework: what became of a function there. details: "wrong: pullback at left-half-plane"."""

    release: str
    state: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """What answers differently in a release than in the one before it."""

    release: str
    case: str
    before: str
    after: str
    quantity: str
    apis: tuple[str, ...]
    points: str
    ordinary: bool


@dataclass(frozen=True)
class Page:
    """One function, or one case of the catalogue. texts: "portable", "torch", "jax" or "reference" -> text."""

    name: str
    texts: Mapping[str, str]
    arguments: tuple[str, ...]
    is_complex: bool  # whether an input is complex, so that conventions matter
    names: tuple[str, ...]  # every spelling under which it is looked up
    calls: tuple[str, ...]  # portable functions in its texts
    used_by: tuple[str, ...]  # cases that call it
    defects: tuple[Defect, ...]
    cells: Mapping[str, tuple[Cell, ...]]
    history: tuple[Mapping[str, str], ...]
    note: str = ""
    family: str = ""
    picture: Path | None = None
    errors: tuple[Mapping[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Site:
    """Everything that pages are made of. scripts: id of a defect -> text of its script."""

    pages: Mapping[str, Page]
    releases: tuple[str, ...]
    changes: tuple[Change, ...]
    findings: tuple[Mapping[str, str], ...]
    scripts: Mapping[str, str]


def gather(
    cases: Sequence[Case], history: Sequence[Mapping[str, str]] | None = None,
    findings: Sequence[Mapping[str, str]] | None = None, errors: Sequence[Mapping[str, str]] = (),
) -> Site:
    """The facts of a site. history, findings: rows of the timeline and of the findings; default: the committed tables.

    errors: rows of `harness accuracy`, for the functions that have some.
    """
    history = rows(TIMELINE) if history is None else history
    findings = rows(FINDINGS) if findings is None else findings
    releases = tuple(c for c in (history[0] if history else {}) if _RELEASE.fullmatch(c))
    by_case: dict[str, list[Mapping[str, str]]] = {}
    for row in history:
        by_case.setdefault(row["case"], []).append(row)
    table = expr.table()
    calls = {case.id: tuple(n for n in calls_of(case.function.values()) if n in table) for case in cases}
    users: dict[str, list[str]] = {}
    for caller, called in calls.items():
        for name in called:
            users.setdefault(name, []).append(caller)
    known = {case.id: case for case in cases}
    errors_of: dict[str, list[Mapping[str, str]]] = {}
    for row in errors:
        errors_of.setdefault(row["case"], []).append(row)
    ordinary = ordinary_points(known)
    shown = {f["id"]: f for f in findings}
    pages: dict[str, Page] = {}
    for name in sorted({*known, *users}):
        found = tuple(sorted(
            (replace(d, ordinary=_shown_ordinarily(shown[d.id], ordinary)) for d in defects(name) if d.id in shown),
            key=lambda d: (not d.ordinary, d.framework, d.id)))
        case = known.get(name)
        spelled = spellings(name)
        mine = tuple(by_case.get(name, ()))
        pages[name] = Page(
            name,
            dict(case.function) if case else {k: v for k, v in spelled.items() if v},
            tuple(i.name for i in case.inputs) if case else (),
            case.is_complex if case else True,
            (name, *dict.fromkeys(n for n in (*names_of(name), *_native(case)) if n != name)),
            tuple(n for n in calls.get(name, ()) if n != name),
            tuple(c for c in users.get(name, ()) if c != name),
            found,
            {fw: _cells(mine, found, ordinary, [r for r in releases if r.startswith(fw + " ")])
             for fw in ("torch", "jax")},
            mine,
            case.note if case else "",
            case.family if case else "",
            _picture(name),
            tuple(errors_of.get(name, ())),
        )
    return Site(pages, releases, tuple(_changes(history, releases, ordinary)), tuple(findings), _scripts(findings))


def _native(case: Case | None) -> Iterable[str]:
    """Dotted functions that the texts of a case call, as a reader would look them up."""
    for text in case.function.values() if case else ():
        for name in re.findall(r"\b(?:torch|jax|jnp)(?:\.\w+)+(?=\()", text):
            yield re.sub(r"^jnp\.", "jax.numpy.", name)


def state_of(word: str, ordinary: bool) -> str:
    """A word of the timeline as a state of STATES; "" where it says nothing (not asked)."""
    first = word.split(" ")[0] if word else ""
    if first == "wrong":
        return "wrong" if ordinary else "edge"
    return _WORDS.get(first, "differs" if first else "")


def is_ordinary(row: Mapping[str, str], ordinary: Mapping[tuple[str, str], bool]) -> bool:
    """Whether one of the points that a row of the timeline names is ordinary; a point that is not known counts so."""
    return any(ordinary.get((row["case"], point), True) for point in points_of(row))


def _shown_ordinarily(finding: Mapping[str, str], ordinary: Mapping[tuple[str, str], bool]) -> bool:
    where = [p.partition("@") for p in (finding.get("points") or "").split()]
    return any(ordinary.get((case, point), False) for case, _, point in where)


def _cells(
    mine: Sequence[Mapping[str, str]], found: Sequence[Defect], ordinary: Mapping[tuple[str, str], bool],
    releases: Sequence[str],
) -> tuple[Cell, ...]:
    out = []
    for release in releases:
        said: dict[str, list[str]] = {}
        for row in mine:
            word = row.get(release, "")
            state = state_of(word, is_ordinary(row, ordinary)) if row["quantity"] in _QUANTITIES else ""
            if state:
                what = row["api"] if row["quantity"] == "differential" else f"{row['quantity']} {row['api']}".strip()
                said.setdefault(state, []).append(f"{word}: {what} at {row['point']} ({row['backend']})")
        for defect in found:
            if release in defect.versions:
                said.setdefault("wrong" if defect.ordinary else "edge", []).append(defect.sentence)
        state = next((s for s in STATES if s in said), "steady")
        out.append(Cell(release, state, tuple(dict.fromkeys(said.get(state, ())))))
    return tuple(out)


def points_of(row: Mapping[str, str]) -> list[str]:
    """The points that a row of the timeline names (it names six at most)."""
    return re.sub(r" \+\d+$", "", row.get("point", "")).split(", ")


def _changes(
    history: Sequence[Mapping[str, str]], releases: Sequence[str], ordinary: Mapping[tuple[str, str], bool]
) -> Iterable[Change]:
    """What changed in each release against the last one before it in which the same was asked; by case and words."""
    gathered: dict[tuple[str, str, str, str, str, str], list[Mapping[str, str]]] = {}
    for row in history:
        before: dict[str, str] = {}
        for release in releases:
            framework, word = release.split(" ")[0], row.get(release, "")
            if not word:
                continue
            last = before.get(framework, "")
            if last and last != word:
                key = (release, row["case"], last, word, row["quantity"], row["point"])
                gathered.setdefault(key, []).append(row)
            before[framework] = word
    for (release, case, last, word, quantity, point), same in gathered.items():
        yield Change(release, case, last, word, quantity, tuple(dict.fromkeys(r["api"] for r in same)), point,
                     is_ordinary(same[0], ordinary))


def _picture(name: str) -> Path | None:
    found = folder()
    path = found / "atlas" / f"{name}.png" if found else None
    return path if path is not None and path.is_file() else None


def _scripts(findings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    found, out = folder(), {}
    for row in findings:
        path = found / "findings" / f"{row['id']}.py" if found and row.get("script") else None
        if path is not None and path.is_file():
            out[row["id"]] = path.read_text(encoding="utf-8")
    return out
