"""The comparison as a pandas frame: the contract's columns first, then what else is known about each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from harness.comparison.engine import Engine
from harness.comparison.evidence import Evidence
from harness.comparison.observations import combine
from harness.comparison.targets import Target
from harness.comparison.value_kinds import Array
from harness.model import Case
from harness.verdicts import AXES, QUANTITIES, RELATIONS, SEVERITY, VERDICTS

#: The contract of design section 4.
COLUMNS = (
    "case", "family", "point", "ordinary", "dtype", "api", "quantity", "input", "output", "axis", "left", "right",
    "verdict", "relation", "culprit", "function", "evidence", "cause", "since", "fixed", "link", "max_abs",
    "max_rel", "ulp", "blind", "expected", "surprising", "note",
)
#: What else is in a frame. factor: left / right, where that is the verdict. *_version: of the framework.
_SIDE = ("backend", "device", "mode", "environment", "version", "run", "api", "status", "dtype")
EXTRA = ("factor", "kind", *(f"{side}_{word}" for side in ("left", "right") for word in _SIDE))
EVIDENCE = ("", "closed-form", "reference", "finite-differences")
_FIXED: Mapping[str, tuple[str, ...]] = {
    "verdict": VERDICTS, "relation": RELATIONS, "axis": AXES, "quantity": QUANTITIES, "evidence": EVIDENCE,
}


#: Columns that a notebook shows.
SHOWN = ("case", "point", "kind", "verdict", "culprit", "cause", "left", "right", "quantity", "api", "relation",
         "max_rel", "since", "fixed")
_HARMLESS_FIRST = tuple(reversed(SEVERITY))


class Comparison(pd.DataFrame):
    """A frame of comparisons. An ordinary DataFrame, except that a notebook shows what matters of it."""

    @property
    def _constructor(self) -> Callable[..., Comparison]:
        return Comparison

    def _repr_html_(self) -> str | None:
        """Counts by verdict, then the rows that are worth reading, without the columns that say nothing."""
        if "verdict" not in self.columns or "surprising" not in self.columns:
            return pd.DataFrame(self)._repr_html_()  # type: ignore[operator,no-any-return]
        counts = self["verdict"].astype(str).value_counts()
        told = ", ".join(f"{count:,} {escape(str(word))}" for word, count in counts.items())
        rows = pd.DataFrame(self)
        surprising = rows["surprising"].astype(bool)
        if "kind" in rows.columns:  # what is new, then the worst
            rows = rows.sort_values(["surprising", "kind", "verdict"], ascending=False, kind="stable")
        elif surprising.any():
            rows = rows[surprising]
        shown = rows[[c for c in SHOWN if c in rows.columns]].head(20)
        body = shown.to_html(index=False, border=0, max_rows=20, float_format=lambda x: f"{x:.3g}")
        title = f"<p><b>{len(self):,} comparisons</b>: {told}. {int(surprising.sum()):,} surprising.</p>"
        return f'{title}<div style="white-space:nowrap;overflow-x:auto">{body}</div>'


def labels(engine: Engine, axis: str) -> tuple[Array, Array]:
    """(P,) names of the left and right sides.

    Along the backend axis a side is its backend, with its version, mode or device where several of them take part.
    Along any other axis it is "backend:what differs".
    """
    pairs, targets, seen = engine.pairs, engine.context.targets, engine.seen
    if axis == "api":
        out = []
        for rows, other, where, name in (
            (pairs.left, pairs.right, pairs.left_target, "native"),
            (pairs.right, pairs.left, pairs.right_target, "differential"),
        ):
            own = np.array([f"{t.backend}:{w}" for t in targets for w in seen.words["api"]] or [""], dtype=object)
            row = np.where(rows >= 0, rows, other)
            code = np.where(rows >= 0, seen.codes["api"][row], _other_api(engine, row, where))
            label = own[where * len(seen.words["api"]) + code] if row.size else np.zeros(0, object)
            fixed = np.array([f"{t.backend}:{name}" for t in targets] or [""], dtype=object)
            out.append(np.where(pairs.predicted, fixed[where], label))
        return out[0], out[1]
    if axis == "dtype":
        out = []
        single = {"complex128": "complex64", "float64": "float32"}
        double = {v: k for k, v in single.items()}
        row = np.where(pairs.left >= 0, pairs.left, pairs.right)
        for swap, where in ((single, pairs.left_target), (double, pairs.right_target)):
            words = seen.words["dtype"]
            names = np.array([f"{t.backend}:{swap.get(w, w)}" for t in targets for w in words] or [""], dtype=object)
            out.append(names[where * len(words) + seen.codes["dtype"][row]] if row.size else np.zeros(0, object))
        return out[0], out[1]
    used = sorted({*pairs.left_target.tolist(), *pairs.right_target.tolist()})
    known = {k: _target_label(targets[k], [targets[u] for u in used], axis) for k in used}
    table = np.array([known.get(k, "") for k in range(len(targets))] or [""], dtype=object)
    return table[pairs.left_target], table[pairs.right_target]


def _other_api(engine: Engine, row: Array, where: Array) -> Array:
    """For a differential that is not there: the other API of the same quantity."""
    seen = engine.seen
    opposite = {
        "pullback": "pushforward", "pushforward": "pullback", "forward-over-reverse": "reverse-over-reverse",
        "reverse-over-reverse": "forward-over-reverse", "reverse-over-forward": "forward-over-reverse",
        "forward-over-forward": "forward-over-reverse",
    }
    words = seen.words["api"]
    table = np.array([words.index(opposite[w]) if opposite.get(w) in words else k for k, w in enumerate(words)] or [0])
    return table[seen.codes["api"][row]] if row.size else np.zeros(0, np.int64)


def _target_label(target: Target, used: Sequence[Target], axis: str) -> str:
    alike = [t for t in used if t.backend == target.backend]
    versions, modes = {t.version for t in alike}, {t.mode for t in alike}
    devices = {t.device for t in alike}
    if axis == "mode":
        return f"{target.backend}:{target.mode}"
    if axis == "device":
        return f"{target.backend}:{target.device}"
    label = target.backend
    if (axis == "version" or len(versions) > 1) and target.version:
        label += f"@{target.version}"
    if axis == "backend" and len(modes) > 1:
        label += f":{target.mode}"
    if axis == "backend" and len(devices) > 1:
        label += f":{target.device}"
    twins = [t for t in alike if t.version == target.version]
    if axis == "version" and len(twins) > 1:
        more = target.run_name if len({t.run for t in twins}) > 1 else target.environment
        label += f" ({more})"
    return label


def build(
    engine: Engine, axis: str, names: tuple[Array, Array], statuses: tuple[Array, Array], evidence: Evidence,
    functions: Array, cases: Sequence[Case],
) -> Comparison:
    """The frame, rows in catalogue order; expected, cause and surprising are still to be filled in."""
    pairs, out, seen = engine.pairs, engine.out, engine.seen
    row = np.where(pairs.left >= 0, pairs.left, pairs.right)
    api, left_api, right_api = _apis(engine, row)
    order = _order(engine, row, cases, names, api)
    columns: dict[str, Any] = {}

    def coded(name: str, source: str | None = None) -> None:
        words = seen.words[source or name]
        columns[name] = _categorical(seen.codes[source or name][row][order], words)

    for name in ("case", "point", "dtype"):
        coded(name)
    columns["api"] = pd.Categorical(api[order])
    columns["quantity"] = _fixed("quantity", np.array([QUANTITIES.index(w) if w in QUANTITIES else -1
                                                       for w in seen.words["quantity"]] or [-1])[
                                                           seen.codes["quantity"][row]][order])
    coded("input")
    coded("output")
    columns["axis"] = _fixed("axis", np.full(row.size, AXES.index(axis)))
    columns["left"], columns["right"] = (pd.Categorical(n[order]) for n in names)
    columns["verdict"] = _fixed("verdict", out.verdict[order])
    columns["relation"] = _fixed("relation", out.relation[order])
    accused = np.where(evidence.culprit == "left", names[0], np.where(evidence.culprit == "right", names[1],
                                                                      evidence.culprit))
    columns["culprit"], columns["function"] = accused[order], functions[order]
    codes = {word: k for k, word in enumerate(EVIDENCE)}
    columns["evidence"] = _fixed("evidence", np.array([codes[e] for e in evidence.evidence[order]], np.int8))
    for name in ("max_abs", "max_rel", "ulp"):
        columns[name] = getattr(out, name)[order]
    columns["blind"] = pd.Categorical(out.blind[order])
    columns["expected"], columns["surprising"] = np.full(row.size, "", object), np.zeros(row.size, bool)
    columns["note"] = out.note[order]
    columns["factor"] = out.factor[order]
    for name in ("family", "ordinary", "cause", "since", "fixed", "link", "kind"):  # filled in later
        columns[name] = np.full(row.size, "", object)
    for side, where, apis, status, rows in (
        ("left", pairs.left_target, left_api, statuses[0], pairs.left),
        ("right", pairs.right_target, right_api, statuses[1], pairs.right),
    ):
        for name in ("backend", "device", "mode", "environment", "version", "run_name"):
            words = sorted({str(getattr(t, name)) for t in engine.context.targets} | {""})
            table = np.array([words.index(str(getattr(t, name))) for t in engine.context.targets] or [0], np.int32)
            columns[f"{side}_{name.removesuffix('_name')}"] = _categorical(table[where][order], words)
        columns[f"{side}_api"] = pd.Categorical(apis[order])
        columns[f"{side}_status"] = pd.Categorical(status[order])
        own = np.where(rows >= 0, rows, row)
        columns[f"{side}_dtype"] = _categorical(seen.codes["dtype"][own][order], seen.words["dtype"])
        columns[f"{side}_target"] = where[order]
    frame = Comparison(columns)
    return Comparison(frame[[*COLUMNS, *EXTRA, "left_target", "right_target"]])


def _categorical(codes: Array, words: Sequence[str]) -> Any:
    return pd.Categorical.from_codes(codes, list(words))  # type: ignore[call-overload]


def _fixed(name: str, codes: Array) -> Any:
    if name != "verdict":
        return _categorical(codes.astype(np.int8), _FIXED[name])
    rank = np.array([_HARMLESS_FIRST.index(word) for word in VERDICTS], np.int8)
    return pd.Categorical.from_codes(rank[codes], list(_HARMLESS_FIRST), ordered=True)  # type: ignore[call-overload]


def _apis(engine: Engine, row: Array) -> tuple[Array, Array, Array]:
    """(P,) what the row says of its API, and each side's own name for it; "left | right" where they differ."""
    pairs, seen = engine.pairs, engine.seen
    words = np.array([*seen.words["api"], ""], dtype=object)
    nothing = len(words) - 1
    codes = [np.where(r >= 0, seen.codes["api"][np.maximum(r, 0)] if seen.count else 0, nothing)
             for r in (pairs.left, pairs.right)]
    reference = np.array([t.backend == "reference" for t in engine.context.targets] or [False])
    single = (codes[0] == codes[1]) | (codes[1] == nothing) | pairs.predicted | reference[pairs.right_target]
    joined = codes[0].astype(np.int64) * len(words) + codes[1]
    unique, inverse = np.unique(joined, return_inverse=True)
    texts = np.array([f"{words[k // len(words)]} | {words[k % len(words)]}" for k in unique] or [""], dtype=object)
    api = np.where(single & (codes[0] != nothing), words[codes[0]], texts[inverse.reshape(-1)])
    api = np.where(codes[0] == nothing, words[codes[1]], api)
    api = np.where(engine.context.joiner.value[row] if row.size else False, "", api)
    return api, words[codes[0]], words[codes[1]]


def _order(engine: Engine, row: Array, cases: Sequence[Case], names: tuple[Array, Array], api: Array) -> Array:
    """Catalogue order of cases and points, then dtype, quantity, output, input, API and sides."""
    seen = engine.seen
    rank = {case.id: k for k, case in enumerate(cases)}
    case_rank = np.array([rank.get(w, len(rank) + k) for k, w in enumerate(seen.words["case"])] or [0], np.int64)
    known = {case.id: {p.name: k for k, p in enumerate(case.points)} for case in cases}
    spots = combine([(seen.codes[n], len(seen.words[n])) for n in ("case", "point")])
    _, first, inverse = np.unique(spots, return_index=True, return_inverse=True)
    point_rank = np.array(
        [known.get(seen.text("case", int(k)), {}).get(seen.text("point", int(k)), 1 << 20) for k in first] or [0]
    )[inverse.reshape(-1)]
    quantity = np.array([QUANTITIES.index(w) if w in QUANTITIES else 9 for w in seen.words["quantity"]] or [9])
    texts = [_ranks(t) for t in (api, *names)]
    columns = [
        (case_rank[seen.codes["case"][row]], int(case_rank.max(initial=0)) + 1),
        (point_rank[row], (1 << 20) + 1), (seen.codes["point"][row], len(seen.words["point"])),
        (seen.codes["dtype"][row], len(seen.words["dtype"])), (quantity[seen.codes["quantity"][row]], 10),
        (seen.codes["output"][row], len(seen.words["output"])), (seen.codes["input"][row], len(seen.words["input"])),
        *texts, (engine.pairs.left_target, len(engine.context.targets)),
        (engine.pairs.right_target, len(engine.context.targets)),
    ]
    return np.argsort(combine(columns), kind="stable")


def _ranks(texts: Array) -> tuple[Array, int]:
    codes, words = pd.factorize(texts, sort=True)
    return codes.astype(np.int64), len(words)
