"""What a case page shows beyond the comparison rows: formulas, points, and the recorded numbers side by side.

One plain dictionary a case, ready for JSON; numbers are text in the digits of their own precision. Nothing is
derived here except the Wirtinger pair, which is a change of form of the recorded differential (harness.wirtinger).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from harness.comparison.observations import Observations
from harness.model import Case, Expectation
from harness.report.html.mathml import mathml
from harness.report.html.numbers import Array, Entry, choose, difference, entries, magnitude
from harness.wirtinger import wirtinger_pair

_MESSAGE = 1200  # characters kept of an error message
_PLOTTED = 64  # entries of a point drawn in the plane
_HIGHER = {"hessian": "hessian (real)", "third": "third derivatives (real)"}

Question = tuple[str, str, str]


def case_facts(case: Case) -> dict[str, Any]:
    """Formula, inputs, points and expectations: what does not depend on a run's results."""
    groups = list(dict.fromkeys(i.group for i in case.inputs))
    sources = []
    families = sorted(case.function, key=lambda name: (name != "portable", name != "reference", name))
    for family, text in ((name, case.function[name]) for name in families):
        source = case.source(family)
        typeset = None if source is None or source.kind == "callable" else mathml(text, arguments=groups)
        sources.append({"family": family, "text": text, "mathml": typeset})
    return {
        "id": case.id, "note": case.note, "family": case.family, "sources": sources,
        "inputs": [
            {"name": i.name, "kind": i.kind, "shape": list(i.shape), "diff": i.differentiate} for i in case.inputs
        ],
        "points": [_point(case, p) for p in case.points],
        "expect": [
            {"verdict": list(e.verdict), "because": e.because, "link": _safe_link(e.link), "scope": _scope(e)}
            for e in case.expect
        ],
    }


def _point(case: Case, point: Any) -> dict[str, Any]:
    arrays, plot = [], []
    kinds = {i.name: i for i in case.inputs}
    for name, values in point.arrays.items():
        array = np.asarray(values)
        shown = array.reshape(-1)[:24]
        arrays.append({"name": name, "entries": entries(shown), "size": int(array.size)})
    drawn = [i for i in case.inputs if i.differentiate and i.name in point.arrays]
    drawn.sort(key=lambda i: i.kind != "complex")
    for declared in drawn[:1]:
        flat = np.asarray(point.arrays[declared.name]).reshape(-1)[:_PLOTTED]
        pairs = [[_json_number(v.real), _json_number(v.imag)] for v in flat.astype(np.complex128)]
        plot.append({"name": declared.name, "complex": kinds[declared.name].kind == "complex", "at": pairs})
    return {"name": point.name, "note": point.note, "layout": point.layout, "arrays": arrays, "plot": plot}


def _json_number(value: Any) -> float | str:
    """JSON has no NaN: text that the page's number test rejects."""
    number = float(value)
    return number if np.isfinite(number) else str(number)


def _scope(e: Expectation) -> str:
    parts = [*e.points, *e.backends, *e.api, *e.quantity, *e.dtype, *(f"{k} {v}" for k, v in e.versions.items())]
    return ", ".join(parts)


def _safe_link(link: str) -> str:
    """Only web links become links: a case file must not smuggle in another scheme."""
    return link if link.startswith(("https://", "http://")) else ""


def _array(seen: Observations, row: int) -> Array:
    """One row's array as recorded; much cheaper than a bulk gather of one row. Damaged rows come back empty."""
    kind = seen.kinds[seen.codes["kind"][row]]
    shape = seen.shapes[seen.shape[row]]
    data = seen.buffer[seen.start[row] : seen.stop[row]]
    if kind is None or data.size != kind.itemsize * prod(shape):
        return np.zeros((0,))
    out: Array = data.view(kind.newbyteorder("<") if kind.itemsize > 1 else kind).reshape(shape)
    return out


class Labels:
    """Names of targets for a reader: the backend, and as much of version, device and mode as tells it apart."""

    def __init__(self, seen: Observations, headers: Sequence[Mapping[str, Any]]) -> None:
        known: dict[tuple[int, str, str, str, str], Mapping[str, Any]] = {}
        for number, header in enumerate(headers):
            for t in header.get("targets", ()):
                known[(number, str(t.get("backend", "")), str(t.get("device", "")), str(t.get("mode", "")),
                       str(t.get("environment", "")))] = t
        self._questions: dict[tuple[str, str], tuple[str, str]] = {}
        versions: dict[tuple[int, str, str, str, str], str] = {}
        for key, target in known.items():
            package = key[1].partition(".")[0]
            stated = target.get("versions") or {}
            versions[key] = str(stated.get(package, ""))
            for api in target.get("apis") or ():
                name, question, kind = (
                    (api["name"], api["question"], api["kind"]) if isinstance(api, Mapping) else tuple(api)[:3]
                )
                self._questions[key[1], str(name)] = (str(question), str(kind))
        columns = [seen.codes[c] for c in ("backend", "device", "mode", "environment")]
        stacked = np.stack([seen.run, *columns], axis=1) if seen.count else np.zeros((0, 5), np.int32)
        unique, inverse = np.unique(stacked, axis=0, return_inverse=True)
        self.of_row = inverse.reshape(-1)
        words = [seen.words[c] for c in ("backend", "device", "mode", "environment")]
        keys = [(int(r), words[0][b], words[1][d], words[2][m], words[3][e]) for r, b, d, m, e in unique]
        self.backends = [k[1] for k in keys]
        self.names = [self._name(k, keys, versions) for k in keys]
        # The reference first, then families in reverse alphabetical order (torch before jax, as in comparisons).
        order = sorted(range(len(keys)), key=lambda k: (keys[k][1] != "reference", tuple(
            -ord(c) for c in keys[k][1].partition(".")[0]), self.names[k]))
        self.rank = np.empty(len(keys), np.int64)
        self.rank[order] = np.arange(len(keys))

    @staticmethod
    def _name(key: tuple[int, str, str, str, str], keys: Sequence[tuple[int, str, str, str, str]],
              versions: Mapping[tuple[int, str, str, str, str], str]) -> str:
        same = [k for k in keys if k[1] == key[1]]
        parts = [key[1]]
        if len({versions.get(k, k[4]) for k in same}) > 1:
            parts.append(versions.get(key) or key[4] or f"run {key[0] + 1}")
        if len({k[2] for k in same}) > 1:
            parts.append(key[2])
        if len({k[3] for k in same}) > 1:
            parts.append(key[3])
        return " ".join(parts)

    def question(self, backend: str, api: str) -> str:
        """What an API answers (counterparts share it); the API's own name where its backend does not say."""
        return self._questions.get((backend, api), (api, ""))[0]


def recorded(seen: Observations, labels: Labels, case: Case, rows: Array, limit: int, raw: bool) -> dict[str, Any]:
    """The recorded numbers of one case: {"point\\0dtype": {"values": [...], "pairs": [...], "raw": [...]}}.

    rows: the case's rows of `seen`. limit: entries of an array shown. raw: whether to include raw results.
    """
    at: dict[str, Any] = {}
    complex_inputs = {i.name for i in case.inputs if i.kind == "complex"}
    for (point, dtype), here in _grouped(seen, rows, ("point", "dtype")):
        block: dict[str, Any] = {"values": [], "pairs": [], "raw": []}
        for (quantity, name_in, name_out), group in _grouped(seen, here, ("quantity", "input", "output")):
            if quantity == "differential":
                block["pairs"].append(_pair(seen, labels, group, name_in, name_out, complex_inputs, here, limit))
            elif quantity == "value":
                block["values"].append({"output": name_out, "sides": _sides(seen, labels, group, limit, api=False)})
            elif quantity in _HIGHER or (quantity == "raw" and raw):
                for question, part in _by_question(seen, labels, group, quantity):
                    block["raw"].append({"question": question, "input": name_in, "output": name_out,
                                         "sides": _sides(seen, labels, part, limit, api=True)})
        block["raw"].sort(key=lambda b: (b["question"], b["input"], b["output"]))
        at[f"{point}\0{dtype}"] = block
    return at


def _grouped(seen: Observations, rows: Array, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Array]]:
    table = np.stack([seen.codes[c][rows] for c in columns], axis=1)
    order = np.lexsort(table.T[::-1])
    ranked = table[order]
    cuts = np.flatnonzero((ranked[1:] != ranked[:-1]).any(axis=1)) + 1
    for part in np.split(order, cuts):
        if part.size:
            yield tuple(seen.words[c][k] for c, k in zip(columns, table[part[0]], strict=True)), rows[part]


def _by_question(seen: Observations, labels: Labels, rows: Array, quantity: str) -> list[tuple[str, Array]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        api = seen.text("api", row)
        question = _HIGHER.get(quantity) or labels.question(seen.text("backend", row), api)
        found.setdefault(question, []).append(int(row))
    return [(q, np.array(r)) for q, r in found.items()]


def _failed(seen: Observations, labels: Labels, row: int, api: bool) -> dict[str, Any]:
    return {
        "target": labels.names[labels.of_row[row]], "api": seen.text("api", row) if api else "",
        "status": seen.text("status", row), "error": seen.text("error", row),
        "message": _shortened(seen.text("message", row)),
    }


def _shortened(message: str) -> str:
    return message if len(message) <= _MESSAGE else message[:_MESSAGE] + "…"


def _ordered(seen: Observations, labels: Labels, rows: Array) -> list[int]:
    """By target in the labels' order, then by API."""
    order = np.lexsort((seen.codes["api"][rows], labels.rank[labels.of_row[rows]]))
    return [int(r) for r in rows[order]]


def _sides(seen: Observations, labels: Labels, rows: Array, limit: int, *, api: bool) -> list[dict[str, Any]]:
    sides: list[dict[str, Any]] = []
    found: list[tuple[int, Array]] = []
    for row in _ordered(seen, labels, rows):
        if seen.text("status", row) == "ok":
            found.append((row, _array(seen, row)))
        else:
            sides.append(_failed(seen, labels, row, api))
    chosen: dict[tuple[int, ...], Array] = {}
    for shape in {a.shape for _, a in found}:
        chosen[shape] = choose([a for _, a in found if a.shape == shape], limit)
    ok = []
    formatted: dict[bytes, list[Entry]] = {}
    for row, array in found:
        ok.append({
            "target": labels.names[labels.of_row[row]], "api": seen.text("api", row) if api else "",
            "shape": list(array.shape), "size": int(array.size),
            "entries": _once(array.reshape(-1)[chosen[array.shape]], formatted),
        })
    return ok + sides


def _once(values: Array, formatted: dict[bytes, list[Entry]]) -> list[Entry]:
    """The entries of an array, written out once however many sides returned the same bytes."""
    key = values.dtype.str.encode() + values.tobytes()
    if key not in formatted:
        formatted[key] = entries(values)
    return formatted[key]


def _pair(seen: Observations, labels: Labels, rows: Array, name_in: str, name_out: str, complex_inputs: set[str],
          point_rows: Array, limit: int) -> dict[str, Any]:
    in_complex = name_in in complex_inputs
    out_complex = _output_is_complex(seen, point_rows, rows, name_out)
    formatted: dict[bytes, list[Entry]] = {}
    sides: list[dict[str, Any]] = []
    found: list[tuple[int, Array, Array]] = []
    for row in _ordered(seen, labels, rows):
        if seen.text("status", row) != "ok":
            sides.append(_failed(seen, labels, row, True))
            continue
        j = _array(seen, row)
        if j.ndim != 2 or (out_complex and j.shape[0] % 2) or (in_complex and j.shape[1] % 2):
            continue  # a damaged row: the comparison reports it
        dz, db = wirtinger_pair(j, out_complex, in_complex)
        if not in_complex:  # for a real input people read df/dx
            dz = dz + db
            dz = dz if out_complex else dz.real
        found.append((row, dz, db))
    shapes = {dz.shape for _, dz, _ in found}
    if len(shapes) != 1:
        return {"input": name_in, "output": name_out, "complex": in_complex, "entries": [], "total": 0, "sides": sides}
    (m, n) = shapes.pop()
    index, names, total = _chosen_entries([np.stack([dz, db]) for _, dz, db in found], m, n, limit)
    ok = []
    for row, dz, db in found:
        ok.append({
            "target": labels.names[labels.of_row[row]], "api": seen.text("api", row),
            "dz": _once(dz.reshape(-1)[index], formatted),
            "db": _once(db.reshape(-1)[index], formatted) if in_complex else [],
        })
    return {"input": name_in, "output": name_out, "complex": in_complex, "entries": names, "total": total,
            "sides": ok + sides}


def _chosen_entries(sides: list[Array], m: int, n: int, limit: int) -> tuple[Array, list[str], int]:
    """Which entries (output k, input l) to show; sides: (2, m, n) each. Entries that are zero everywhere are left
    out (an elementwise function is diagonal) unless nothing else remains."""
    flat = [s.reshape(2, -1) for s in sides]
    score = np.maximum(*(difference([f[k] for f in flat]) for k in (0, 1)))
    size = np.maximum(*(magnitude([f[k] for f in flat]) for k in (0, 1)))
    kept = np.flatnonzero((size > 0) | (score > 0))
    if m == n and not kept.size:
        kept = np.arange(m) * (n + 1)
    elif not kept.size:
        kept = np.arange(m * n)
    diagonal = m == n and m > 1 and bool((kept % (n + 1) == 0).all())
    order = kept[np.lexsort((kept, -size[kept], -score[kept]))]
    index = np.sort(order[:limit])
    names = [f"{k // n}" if diagonal or n == 1 else f"{k % n}" if m == 1 else f"{k // n},{k % n}" for k in index]
    return index, names, int(kept.size)


def _output_is_complex(seen: Observations, point_rows: Array, rows: Array, name_out: str) -> bool:
    """By the values that were returned at the point: of the same backends where there are any, else of any backend."""
    same = point_rows[
        (seen.codes["output"][point_rows] == seen.code("output", name_out))
        & (seen.codes["quantity"][point_rows] == seen.code("quantity", "value"))
        & (seen.codes["status"][point_rows] == seen.code("status", "ok"))
    ]
    own = same[np.isin(seen.codes["backend"][same], seen.codes["backend"][rows])]
    for candidate in (*own, *same):
        kind = seen.kinds[seen.codes["kind"][candidate]]
        if kind is not None:
            return bool(kind.kind == "c")
    return False
