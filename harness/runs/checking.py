"""Nothing recorded is believed: what header, catalogue, mark and rows of a run may be, checked where they are read.

The forms are those of `harness.untrusted`; what they let through is what the rest of the package may rely on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness.cases.expectations import KINDS as EXPECTED
from harness.cases.words import LAYOUTS, MAX_NAME, NAME
from harness.comparison.observations import combine
from harness.expr.grammar import MAX_CHARACTERS
from harness.formats import DTYPES
from harness.model import KINDS, STATUSES, Case
from harness.runs.arrow_schema import KEY
from harness.selection import WHOLE_CASE
from harness.untrusted import (
    Malformed,
    check,
    either,
    flag,
    integer,
    listing,
    mapping,
    number,
    optional,
    pattern,
    prose,
    record,
    row,
    text,
    visible,
    word,
)
from harness.verdicts import AXES, QUANTITIES, VERDICTS
from harness.workers.frames import KINDS as DATA_KINDS

MAX_HEADER, MAX_MARK, MAX_CATALOGUE = 4 << 20, 1 << 16, 64 << 20  # bytes
_COUNT = integer(0, 10**9)
_WORD, _LONG = text(300), text(4096)
_NAME = pattern(rf"{NAME}(?<!\.\.)", "a name of letters, digits, - _ .")
_LEAF = pattern(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9][A-Za-z0-9._-]*)*", "the name of an input")
_DIGEST = pattern("[0-9a-f]{64}", "a SHA-256 digest")
_SIGN = integer(-1, 1)
_DTYPE = word(*DTYPES)
_SHAPE = listing(integer(0, 1 << 24), 32)

_TARGET = record(
    {"name": _WORD, "backend": _NAME, "spec": _WORD, "device": _WORD, "mode": _WORD, "interpreter": _LONG,
     "environment": _WORD, "failed": prose()},
    {"family": _WORD, "versions": mapping(_WORD, _WORD), "flags": mapping(_WORD, _LONG), "default_mode": _WORD,
     "apis": listing(row(_WORD, _WORD, _WORD, integer(-1, 1)), 200),
     "convention": row(_SIGN, _SIGN, _SIGN, _SIGN), "python": _WORD, "implementation": _WORD, "numpy": _WORD,
     "platform": _WORD, "machine": _WORD},
)
HEADER = record(
    {"format": integer(1, 1 << 31),
     "catalogue": record({"digest": _DIGEST, "cases": _COUNT, "points": _COUNT}),
     "plan": record({"digest": _DIGEST, "tasks": _COUNT}),
     "targets": listing(_TARGET, 1000), "absent": mapping(_WORD, prose())},
    {"harness": _WORD, "sandbox": _WORD, "process": mapping(_WORD, _LONG, 10_000)},
)
MARK = record({"format": integer(1, 1 << 31), "rows": _COUNT, "sha256": mapping(_WORD, _DIGEST)})

_ARRAY = record({
    "dtype": word("bool", "int64", "float32", "float64", "complex64", "complex128"), "shape": _SHAPE,
    "data": pattern("[A-Za-z0-9+/]*={0,2}", "base64"),
}, closed=True)
_PLACE = record({"path": _LONG}, {"line": _COUNT, "column": _COUNT}, closed=True)
_LINK = pattern(r"(https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]{1,2000})?", "an address that begins with https://")
_WORDS = listing(_WORD, 1000)
_EXPECTATION = record(
    {"verdict": listing(word(*VERDICTS), 50), "because": text(20_000, lines=True), "place": _PLACE},
    {"points": listing(_WORD, 100_000), "backends": _WORDS, "api": _WORDS, "quantity": listing(word(*QUANTITIES), 20),
     "dtype": listing(_DTYPE, len(DTYPES)), "axis": listing(word(*AXES, "environment"), 20),
     "culprit": _WORDS, "inputs": _WORDS, "outputs": _WORDS, "versions": mapping(_NAME, text(200)),
     "link": _LINK, "strict": flag,
     "cause": either(word(""), _NAME), "defect": flag, "kind": word(*EXPECTED)},
    closed=True,
)
_TOLERANCE = optional(number(0, 1))
_CASE = record(
    {"id": _NAME, "function": mapping(_NAME, text(MAX_CHARACTERS, lines=True), 20, 1),
     "inputs": listing(record({"name": _LEAF, "kind": word(*KINDS), "shape": _SHAPE, "differentiate": flag}), 1000, 1),
     "points": listing(record({
         "name": _NAME, "arrays": mapping(_LEAF, _ARRAY), "note": text(20_000, lines=True),
         "layout": word("", *LAYOUTS)}), 100_000),
     "dtypes": listing(_DTYPE, len(DTYPES), 1, distinct=True), "outputs": listing(_NAME, 1000, distinct=True),
     "order": integer(1, 3), "tolerance": record({"fine": _TOLERANCE, "coarse": _TOLERANCE}, closed=True),
     "expect": listing(_EXPECTATION),
     "derivative": listing(record({"input": _LEAF, "dz": text(MAX_CHARACTERS, lines=True)},
                                  {"dzbar": text(MAX_CHARACTERS, lines=True)}, closed=True), 1000),
     "tags": _WORDS, "covers": _WORDS, "note": text(100_000, lines=True),
     "family": pattern(rf"({NAME}(/{NAME})*)?", "folders and a file"), "place": _PLACE, "seconds": number(0, 10**6)},
    {"blind": text(20_000, lines=True)},
)
CATALOGUE = record({"cases": listing(_CASE, 1_000_000)})


def check_cases(cases: Sequence[Case]) -> None:
    """What a form cannot say: names meant for each other are, and stand once. Raises Malformed."""
    seen: set[str] = set()
    for case in cases:
        if case.id in seen or len(case.id) > MAX_NAME:
            raise Malformed(f"the case {case.id[:MAX_NAME]} is there twice, or its name is too long")
        seen.add(case.id)
        shapes = {i.name: i.shape for i in case.inputs}
        points = {p.name for p in case.points}
        if len(shapes) < len(case.inputs) or len(points) < len(case.points):
            raise Malformed(f"{case.id} has two inputs or two points of one name")
        for point in case.points:
            if {name: array.shape for name, array in point.arrays.items()} != shapes:
                raise Malformed(f"{case.id}@{point.name} has other arrays than the inputs of its case")
        if any(d.input not in shapes for d in case.derivative):
            raise Malformed(f"{case.id} has the derivative by an input that it does not have")
        for expectation in case.expect:
            try:
                for specifier in expectation.versions.values():
                    SpecifierSet(specifier)
            except InvalidSpecifier as error:
                raise Malformed(f"an expectation of {case.id} names no version: {error}") from None


# -- rows --------------------------------------------------------------------------------------------------------------

_ROW_FORMS = {
    "case": _NAME, "point": either(word(*WHOLE_CASE), _NAME), "dtype": _DTYPE, "backend": _NAME, "device": _WORD,
    "mode": _WORD, "environment": _WORD, "api": _WORD, "quantity": pattern("[a-z][a-z0-9-]{0,60}", "a quantity"),
    "input": _WORD, "output": either(word(""), _NAME), "status": word(*STATUSES), "kind": word("", *sorted(DATA_KINDS)),
    "error": prose(), "message": prose(),
}


def check_rows(table: pa.Table, header: Mapping[str, Any], cases: Sequence[Case]) -> pa.Table:
    """The table, whose rows speak of the header's targets and the catalogue's points, each thing once, with data of the
    kind and shape that they claim; what frameworks said is made visible. Raises Malformed.
    """
    codes, known = {}, {}
    for column, form in _ROW_FORMS.items():
        encoded = _one(table.column(column))
        if encoded.null_count or encoded.dictionary.null_count:
            raise Malformed(f"the column {column} has gaps")
        known[column] = encoded.dictionary.to_pylist()
        codes[column] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        used = np.zeros(len(known[column]), bool)
        used[codes[column]] = True
        for k in np.flatnonzero(used):
            check(known[column][k], form, f"{column} of a row")
        if column in ("error", "message"):
            table = _replaced(table, column, encoded, known[column])
    _check_members(codes, known, ("backend", "device", "mode", "environment"),
                   {tuple(str(t[n]) for n in ("backend", "device", "mode", "environment")) for t in header["targets"]},
                   "targets of the header")
    pairs = {(case.id, point.name) for case in cases for point in case.points}
    pairs |= {(case.id, whole) for case in cases for whole in WHOLE_CASE}
    _check_members(codes, known, ("case", "point"), pairs, "points of the catalogue")
    key = combine([(codes[c], len(known[c])) for c in KEY])
    if np.unique(key).size < key.size:
        raise Malformed("it says the same thing twice")
    _check_data(table, codes["kind"], known["kind"], codes["status"] == _index(known["status"], "ok"))
    return table


def _one(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    return whole


def _index(words: Sequence[str], wanted: str) -> int:
    return words.index(wanted) if wanted in words else -1


def _replaced(table: pa.Table, column: str, encoded: pa.DictionaryArray, words: Sequence[str]) -> pa.Table:
    seen = [visible(w) for w in words]
    if seen == list(words):
        return table
    made = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(seen, pa.string()))
    if len(set(seen)) < len(seen):  # two that become one: dictionaries hold each word once
        made = pc.dictionary_encode(made.dictionary_decode()).cast(encoded.type)
    return table.set_column(table.column_names.index(column), column, made)


def _check_members(
    codes: Mapping[str, Any], words: Mapping[str, Sequence[str]], columns: Sequence[str], members: set[Any], what: str
) -> None:
    key = combine([(codes[c], len(words[c])) for c in columns])
    _, first = np.unique(key, return_index=True)
    for k in first:
        found = tuple(words[c][int(codes[c][k])] for c in columns)
        if found not in members:
            raise Malformed(f"a row speaks of {', '.join(found)[:200]}, which is not among the {what}")


def _check_data(table: pa.Table, kind: Any, kinds: Sequence[str], ok: Any) -> None:
    """Data are there exactly where a kind is and the status is ok, as many bytes as kind and shape say."""
    data, shape = (table.column(c).combine_chunks() for c in ("data", "shape"))
    data, shape = (a.chunk(0) if isinstance(a, pa.ChunkedArray) and a.num_chunks else a for a in (data, shape))
    if not table.num_rows:
        return
    present = data.is_valid().to_numpy(zero_copy_only=False)
    claimed = np.array([bool(word) for word in kinds], bool)[kind]
    if (present != claimed).any() or (present != ok).any():
        raise Malformed("a row has data without a kind, a kind without data, or a failure with a result")
    axes = pc.fill_null(pc.list_value_length(shape), 0).to_numpy(zero_copy_only=False)
    sides = shape.flatten()
    if sides.null_count or axes.max(initial=0) > 32:
        raise Malformed("a row has a shape of more than 32 axes, or with gaps")
    lengths = sides.to_numpy(zero_copy_only=False).astype(np.int64)
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= 1 << 27:
        raise Malformed("a row has a shape with a side below nothing or beyond measure")
    count = np.ones(table.num_rows)  # as floats: no product overflows, and what is compared is below 2**53
    np.multiply.at(count, np.repeat(np.arange(table.num_rows), axes), lengths.astype(np.float64))
    size = np.array([np.dtype(word or "u1").itemsize for word in kinds], np.float64)[kind]
    held = pc.fill_null(pc.binary_length(data), 0).to_numpy(zero_copy_only=False)
    if (count * size != held)[present].any():
        raise Malformed("a row has other data than its kind and shape say")
