"""One mapping of a case file to one Case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cases import document, words
from harness.cases.document import Node, Scalar, Table
from harness.cases.errors import CaseErrors, Problems
from harness.cases.expectations import expectations
from harness.cases.functions import derivatives, functions
from harness.cases.inputs import declared
from harness.cases.points import Builder
from harness.cases.pointsets import PointSet
from harness.cases.values import Reading
from harness.formats import DTYPES, HALVES, SINGLE
from harness.model import (
    THIRD_ORDER_VARIABLES,
    Case,
    CaseError,
    Derivative,
    Expectation,
    Input,
    Place,
    Tolerance,
)
from harness.wirtinger import real_size

#: Keys of a case, and what each says.
KEYS: Mapping[str, str] = {
    "id": "the name of the case, unique over the whole catalogue: letters, digits, - _ .",
    "function": "a portable expression, or a text for each family: portable, torch, jax, reference",
    "inputs": "name -> kind and shape",
    "points": "name -> {input: value}, or a list of shared point sets and inline points",
    "dtype": "bfloat16, float16, float32, float64, complex64, complex128, or a list; single and double if left out",
    "outputs": "names of the outputs, in order; out, or out0, out1, ... where it is left out",
    "order": "1, 2 for Hessians as well, or 3 for third derivatives of a loss of at most 4 real variables",
    "tolerance": "relative tolerance: a number, or {fine, coarse}",
    "expect": "known differences, each with verdict and because",
    "derivative": "closed form {dz, dzbar} of an elementwise function, as portable expressions",
    "tags": "words to select cases by",
    "covers": "functions of torch or jax that this case stands for, beyond those in its text",
    "blind": "why it is right that no point shows a conjugation, a sign flip or a factor of 2",
    "note": "a remark for the reader",
    "seconds": "time limit of one backend at one dtype, all points together",
}
#: Keys that `defaults` may give.
DEFAULT_KEYS = tuple(key for key in KEYS if key not in ("id", "function", "blind"))
MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Surroundings:
    """What a case finds around it: its file, the point sets, what the user allows, its family."""

    reading: Reading
    sets: Mapping[str, PointSet]
    allow: Sequence[str]
    family: str


def build(node: Node, defaults: Table | None, around: Surroundings, problems: Problems) -> Case | None:
    """The case, or None where something is wrong with it: `problems` then says what, everything at once."""
    mine = Problems()
    case: Case | None = None
    with mine.collect():
        case = _build(_merged(node, defaults), around, mine)
    problems.found.extend(mine.found)
    return None if mine.found else case


def _merged(node: Node, defaults: Table | None) -> Table:
    own = document.table(node, "a case", KEYS, node.place)
    if defaults is None:
        return own
    return Table({**defaults.entries, **own.entries}, {**defaults.keys, **own.keys}, own.place)


def _build(table: Table, around: Surroundings, problems: Problems) -> Case:
    place = table.place
    missing = [key for key in ("id", "function", "inputs") if key not in table]
    for key in missing:
        problems.add(f"the case needs `{key}`", place, KEYS[key])
    if missing:
        raise CaseErrors([])
    case_id = words.checked_name(document.text(table.get("id"), "id", place), "the id", table.entries["id"].place)
    ins = declared(table.entries["inputs"], around.reading, problems)
    if problems.found:
        raise CaseErrors([])  # what follows depends on the inputs
    inputs = tuple(ins.inputs)
    texts: dict[str, str] = {}
    with problems.collect():
        texts = functions(table.entries["function"], inputs, around.allow, problems)
    points = Builder(ins, around.sets, around.reading, Problems())
    with problems.collect():
        points.build(table.get("points"), place)
    problems.found.extend(points.problems.found)
    outputs: tuple[str, ...] = ()
    with problems.collect():
        outputs = _names(table, "outputs", unique="output")
    dtypes: tuple[str, ...] = ()
    with problems.collect():
        dtypes = _dtypes(table, inputs)
    closed: tuple[Derivative, ...] = ()
    expected: tuple[Expectation, ...] = ()
    if "derivative" in table:
        with problems.collect():
            closed = derivatives(table.entries["derivative"], inputs, outputs, problems)
    if "expect" in table and not points.problems.found:
        with problems.collect():
            expected = expectations(
                table.entries["expect"], list(points.found), [i.name for i in inputs], outputs, dtypes, problems
            )
    simple = _Simple(table, problems)
    return Case(
        id=case_id,
        function=texts,
        inputs=inputs,
        points=tuple(points.found.values()),
        dtypes=dtypes,
        outputs=outputs,
        order=simple.order(inputs),
        tolerance=simple.tolerance(),
        expect=expected,
        derivative=closed,
        tags=simple.names("tags"),
        covers=simple.covers(),
        blind=simple.remark("blind", "the reason"),
        note=simple.remark("note", "note"),
        family=around.family,
        place=place,
        seconds=simple.seconds(),
    )


def _dtypes(table: Table, inputs: Sequence[Input]) -> tuple[str, ...]:
    """The dtype words by precision, halves first: a case with a complex input is run at complex64 and complex128."""
    is_complex = any(i.kind == "complex" for i in inputs)
    pair = ("complex64", "complex128") if is_complex else ("float32", "float64")
    node = table.get("dtype")
    if node is None:
        return pair
    asked = list(document.texts(node, "dtype", choices=words.DTYPES))
    if not asked:
        raise CaseError("dtype is empty", node.place, f"one of {', '.join(words.DTYPES)}")
    halves = [(word, place) for word, place in asked if word in HALVES]
    if halves and is_complex:
        raise CaseError(f"{halves[0][0]} is for real numbers, and an input is complex", halves[0][1],
                        "no framework has complex numbers of half precision")
    others = [pair[DTYPES[word].digits > SINGLE.digits] for word, _ in asked if word not in HALVES]
    return tuple(dict.fromkeys([*(word for word, _ in halves), *others]))


def _names(table: Table, key: str, unique: str) -> tuple[str, ...]:
    node = table.get(key)
    if node is None:
        return ()
    return tuple(words.checked_name(word, f"the {unique}", place) for word, place in document.texts(node, key))


class _Simple:
    """The keys that are one number or a few words; what is wrong with one is collected, its default stands in."""

    def __init__(self, table: Table, problems: Problems) -> None:
        self.table, self.problems = table, problems

    def names(self, key: str) -> tuple[str, ...]:
        with self.problems.collect():
            return _names(self.table, key, key.removesuffix("s"))
        return ()

    def covers(self) -> tuple[str, ...]:
        node = self.table.get("covers")
        with self.problems.collect():
            if node is None:
                return ()
            found = list(document.texts(node, "covers"))
            for word, place in found:
                if not all(part.isidentifier() for part in word.split(".")):
                    raise CaseError(f"{word[:60]!r} is not a function", place, "such as torch.nn.functional.silu")
            return tuple(word for word, _ in found)
        return ()

    def order(self, inputs: Sequence[Input]) -> int:
        node = self.table.get("order")
        if node is None:
            return 1
        value = document.resolve(node) if isinstance(node, Scalar) else None
        if isinstance(value, bool) or value not in (1, 2, 3) or not isinstance(value, int):
            self.problems.add(f"order must be 1, 2 or 3, not {document.describe(node)}", node.place)
            return 1
        count = sum(real_size(i.shape, i.kind == "complex") for i in inputs if i.differentiate)
        if value == 3 and count > THIRD_ORDER_VARIABLES:
            self.problems.add(
                f"order 3 is for at most {THIRD_ORDER_VARIABLES} real variables, and these inputs have {count:,}",
                node.place,
                "a complex number is two; make the arrays smaller, or say `differentiate: false` of some")
            return 1
        return value

    def tolerance(self) -> Tolerance:
        node = self.table.get("tolerance")
        with self.problems.collect():
            if node is None:
                return Tolerance()
            if not isinstance(node, Table):
                return Tolerance(fine=self._fraction(node, "tolerance"))
            table = document.table(node, "tolerance", ("fine", "coarse"), node.place)
            fine, coarse = (
                self._fraction(table.entries[key], key) if key in table else None for key in ("fine", "coarse")
            )
            if fine is not None and coarse is not None and coarse < fine:
                raise CaseError("the coarse tolerance is smaller than the fine one", table.where("coarse"))
            return Tolerance(fine, coarse)
        return Tolerance()

    @staticmethod
    def _fraction(node: Node, what: str) -> float:
        value = document.number(node, what, node.place)
        if not 0 < value < 1:
            raise CaseError(f"{what} must lie between 0 and 1, not {document.describe(node)}", node.place)
        return value

    def remark(self, key: str, what: str) -> str:
        with self.problems.collect():
            if key in self.table:
                return document.text(self.table.get(key), what, self.table.place, limit=20_000).strip()
        return ""

    def seconds(self) -> float:
        with self.problems.collect():
            if "seconds" in self.table:
                value = document.number(self.table.get("seconds"), "seconds", self.table.place)
                if not 0 < value <= MAX_SECONDS:
                    place: Place = self.table.entries["seconds"].place
                    raise CaseError(f"seconds must lie between 0 and {MAX_SECONDS:g}", place)
                return value
        return 60.0
