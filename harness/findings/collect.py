"""From the rows of a comparison to distinct defects.

Rows belong together where the catalogue gives them one cause (`known.yaml`); without one, where they are of one case
and one framework. Only evidence that is not the other framework makes a finding: a closed form, the reference, finite
differences of the framework's own values, or an internal assertion that the framework itself raised.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from harness.expr import NoSpelling
from harness.findings.exhibit import exhibit
from harness.findings.hunted import APIS, QUANTITIES, hunted
from harness.model import Case, CaseError
from harness.repro.native_code import native
from harness.verdicts import worst

#: What the report says where no upstream thread is known.
UNREPORTED = "not reported as far as known"
ASSERTION = "internal-assertion"
_ROOTS = {"torch": ("torch",), "jax": ("jax", "jnp")}
_MODULES = {"jnp": "jax.numpy"}
#: Functions that prepare a case and are not what it is about.
_PLUMBING = frozenset(
    {
        "torch.tensor",
        "torch.as_tensor",
        "torch.full_like",
        "jax.numpy.asarray",
        "jax.numpy.full_like",
        "jax.numpy.array",
    }
)
_WIDEST = ("complex128", "float64")
_QUANTITIES = ("differential", "hessian", "value", "raw")


@dataclass(frozen=True)
class Finding:
    """One defect of one framework.

    size: the largest relative error, infinite where what was returned is NaN or infinite. candidates: rows of the
    comparison, best first, from which a script can be made. script, confirmed, output: "" and None before one was made.
    """

    id: str
    framework: str
    functions: tuple[str, ...]
    cases: tuple[str, ...]
    points: tuple[str, ...]  # CASE@POINT
    dtypes: tuple[str, ...]
    apis: tuple[str, ...]
    quantities: tuple[str, ...]
    versions: str
    verdict: str
    culprit: tuple[str, ...]
    evidence: tuple[str, ...]
    size: float
    sentence: str
    link: str
    ordinary: int = 0  # how many of its points are ordinary ones
    since: str = ""  # the first release that is wrong, the first that is right again: see docs/columns.md
    fixed: str = ""
    candidates: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    script: str = field(default="", repr=False)
    confirmed: bool | None = None
    output: str = field(default="", repr=False)


def collect(frame: pd.DataFrame, cases: Sequence[Case], targets: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The findings of a comparison along the backend axis, by framework and name.

    cases: with the expectations that gave the rows their causes (those that say `defect: false` are no findings).
    targets: of the runs, for the versions.
    """
    stated = {e.cause: e for case in cases for e in case.expect if e.cause}
    known = {case.id: case for case in cases}
    rows = _accused(frame)
    rows["key"] = [_key(row, known.get(str(row.case))) for row in rows.itertuples(index=False)]
    rows = rows[(rows["key"] != "") & ~rows["key"].isin([cause for cause, e in stated.items() if not e.defect])]
    # Raw results follow from the differential, but for a defect of an API alone.
    rows = rows[(rows["quantity"].astype(str) != "raw") | rows["key"].isin(
        [cause for cause, e in stated.items() if tuple(e.quantity) == ("raw",)]) | (rows["evidence"] == ASSERTION)]
    if rows.empty:
        return []
    rows = _plain(rows)
    told = _candidates(rows)
    versions = {str(t["backend"]): t.get("versions", {}) for t in targets}
    found = []
    for (key, framework), part in rows.groupby(["key", "framework"], sort=False, observed=True):
        name = str(key)
        expectation = stated.get(name)
        sentence = expectation.because if expectation else _sentence(part)
        ids = tuple(dict.fromkeys(part["case"]))
        since, fixed = _span(part)
        found.append(
            Finding(
                id=name if name.startswith(f"{framework}-") else f"{framework}-{name}",
                framework=str(framework),
                functions=_at_fault(name, part) or _functions([known[i] for i in ids if i in known], str(framework)),
                cases=ids,
                points=tuple(dict.fromkeys(part["case"] + "@" + part["point"])),
                dtypes=_words(part["dtype"]),
                apis=_words(part["api"]),
                quantities=_words(part["quantity"]),
                versions=_versions(part["culprit"], versions),
                verdict=worst(part["verdict"]),
                culprit=_words(part["culprit"]),
                evidence=_words(part["evidence"]),
                size=_size(part),
                sentence=sentence,
                link=expectation.link if expectation else "",
                ordinary=len({(c, p) for c, p, usual in zip(part["case"], part["point"], part["ordinary"], strict=True)
                              if usual}),
                since=since,
                fixed=fixed,
                candidates=tuple(told[key, framework]),
            )
        )
    return sorted(found, key=lambda f: (f.framework, f.id))


def from_hunts(targets: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The defects that no case shows (`hunted`) of the frameworks among the targets, by name; nothing is run.

    size: NaN, until a script has told. points: of no case, so none.
    """
    versions = {str(t["backend"]): t.get("versions", {}) for t in targets}
    found = []
    for name, e in sorted(hunted().items()):
        sides = tuple(b for b in versions if b.partition(".")[0] == e.framework)
        if sides:
            found.append(Finding(
                id=name, framework=e.framework, functions=tuple(e.exhibit.function.split()), cases=(), points=(),
                dtypes=(e.dtype,), apis=APIS.get(e.of, ()), quantities=(QUANTITIES[e.of],),
                versions=_versions(pd.Series(sides), versions), verdict=e.verdict, culprit=sides,
                evidence=("closed-form",), size=float("nan"), sentence=e.sentence, link=e.link))
    return found


def _at_fault(name: str, part: pd.DataFrame) -> tuple[str, ...]:
    """What a finding's exhibit shows, or else what its rows prove to be at fault, the most frequent first."""
    shown = exhibit(name)
    if shown is not None and shown.function:
        return (shown.function,)
    proved = part.get("function", ())
    counted = Counter(word for cell in proved for word in str(cell).split(", ") if "." in word)
    return tuple(word for word, _ in counted.most_common())


def _span(part: pd.DataFrame) -> tuple[str, str]:
    """The stretch of releases that most rows share, of ordinary points where there are any with a recorded history."""
    spans = [row for row in zip(part["since"], part["fixed"], part["ordinary"], strict=True) if row[0]]
    usual = [row for row in spans if row[2]]
    counted = Counter((since, fixed) for since, fixed, _ in usual or spans)
    return counted.most_common(1)[0][0] if counted else ("", "")


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Words as Python's strings: a category costs more to look at than it saves in so few rows."""
    words = {name: rows[name].astype(str).to_numpy(object) for name in rows.columns
             if isinstance(rows[name].dtype, (pd.CategoricalDtype, pd.StringDtype))}
    return rows.assign(**{name: pd.Series(column, rows.index, object) for name, column in words.items()})


def _accused(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in which a framework is wrong on evidence of its own, with whose they are."""
    rows = frame[frame["axis"].astype(str) == "backend"]
    rows = rows.assign(culprit=rows["culprit"].astype(str), evidence=rows["evidence"].astype(str))
    # Evidence is never the other side, whichever pair it was found in.
    out = [rows[(rows["culprit"] != "") & (rows["evidence"] != "")]]
    asserts = rows[(rows["verdict"].astype(str) == "error") & rows["note"].str.contains("INTERNAL ASSERT", regex=False)]
    for side in ("left", "right"):
        own = asserts[asserts[f"{side}_status"].astype(str) == "error"]
        out.append(own.assign(culprit=own[f"{side}_backend"].astype(str), evidence=ASSERTION))
    both = pd.concat(out, ignore_index=True)
    both = both[~both["culprit"].isin(["both", "formula"])]  # a side's own row against the reference says the same
    return both.assign(framework=[c.partition(".")[0].partition("@")[0] for c in both["culprit"]])


def _key(row: Any, case: Case | None) -> str:
    """What a row is gathered under: the first cause that its case states of the side that is wrong, else the case.

    "" where all that is stated of the row is of the other side: then that side's own rows tell the finding.
    """
    own = str(row.case)
    for e in () if case is None else case.expect:
        told = (
            (str(row.verdict), e.verdict), (str(row.point), e.points), (str(row.quantity), e.quantity),
            (str(row.dtype), e.dtype), (row.culprit, e.backends),
        )
        if all(not wanted or any(fnmatchcase(word, w) for w in wanted if w != "reference") for word, wanted in told):
            return e.cause or own
    return "" if str(row.expected) else own


def _words(column: pd.Series) -> tuple[str, ...]:
    return tuple(sorted({str(v) for v in column} - {""}))


def _versions(culprits: pd.Series, versions: Mapping[str, Mapping[str, str]]) -> str:
    named = {}
    for backend in sorted(set(culprits)):
        for package, version in versions.get(backend, {}).items():
            if package in ("torch", "jax", "functorch"):
                named[package] = version
    return ", ".join(f"{package} {version}" for package, version in named.items())


def _size(part: pd.DataFrame) -> float:
    """The largest relative error; infinite where there is none to speak of because NaN or infinity was returned."""
    if "nonfinite" in set(part["verdict"]):
        return float("inf")
    sizes = part["max_rel"].astype(float)
    return float("nan") if sizes.isna().all() else float(np.nanmax(sizes))


def _sentence(part: pd.DataFrame) -> str:
    """What a row says of itself: the reason its case gives, otherwise its note."""
    stated = [str(e) for e in part["expected"] if str(e)]
    return stated[0] if stated else str(part["note"].iloc[0])


def _candidates(rows: pd.DataFrame) -> dict[tuple[Any, Any], list[Mapping[str, Any]]]:
    """(key, framework) -> one row a point: the widest dtype, a derivative before a value, the largest error first."""
    order = {word: k for k, word in enumerate(_QUANTITIES)}
    ranked = rows.assign(
        _narrow=~rows["dtype"].isin(_WIDEST),
        _rank=rows["quantity"].map(order).fillna(9),
        _small=-rows["max_rel"].astype(float).fillna(-1.0),
        # A script composes second derivatives with torch.func, also where torch.autograd is to be shown.
        _composed=(rows["quantity"] == "hessian") & (rows["culprit"] == "torch.autograd"),
    ).sort_values(["_narrow", "_rank", "_composed", "_small"], kind="stable")
    once = ranked.drop_duplicates(["key", "framework", "case", "point"])
    told: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in once[list(rows.columns)].to_dict("records"):
        told.setdefault((row["key"], row["framework"]), []).append({str(k): v for k, v in row.items()})
    return told


def _functions(cases: Iterable[Case], framework: str) -> tuple[str, ...]:
    """The framework's functions that all these cases call; those that any of them calls where there is none."""
    called = [c for c in (_called(case, framework) for case in cases) if c]
    if not called:
        return ()
    shared = set(called[0]).intersection(*called[1:])
    return tuple(n for n in called[0] if n in shared) or tuple(dict.fromkeys(n for c in called for n in c))


def _called(case: Case, framework: str) -> list[str]:
    source = case.source(framework)
    if source is None or source.kind == "callable":
        return []
    try:
        nodes = ast.walk(ast.parse(native(source, [i.name for i in case.inputs], framework).body))
    except (NoSpelling, CaseError, SyntaxError):
        return []
    names = []
    for node in nodes:
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            root, dot, rest = name.partition(".")
            if dot and root in _ROOTS[framework] and name.replace(".", "").replace("_", "").isalnum():
                full = f"{_MODULES.get(root, root)}.{rest}"
                if full not in _PLUMBING:
                    names.append(full)
    return list(dict.fromkeys(names))
