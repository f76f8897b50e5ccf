"""What correctly rounded operations make of a text, in the blocks of a row that is judged.

Only portable texts of several operations can be taken apart: one text, and the same operations on every side. The work
is done by `harness.reference.steps` and for those places alone at which sides differ.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.comparison.context import Context
from harness.comparison.predict import VECTOR_OF, predicted
from harness.comparison.value_kinds import Array, Form, differences
from harness.formats import DTYPES
from harness.reference.clarke import least_squares

if TYPE_CHECKING:
    from harness.comparison.engine import Engine
    from harness.model import Point
    from harness.reference.steps import Rounding, Taken


@dataclass(frozen=True)
class Steps:
    """(m, n, c): a derivative of correctly rounded operations, how far faithful ones may be from it by rounding (room)
    and by kinks on the way (loose), and entries that a product of zero and infinity takes part in (wild).

    blame, advice: the operation that loses the digits, what to write.
    choices: (K, m, n, c) for each kink on the way, how its K limits move the derivative; whole: a side is one vector
    rather than rows of a matrix. half: whether it is of half precision, of which an ordinary square is infinite: what
    is made of an infinity then is the formula's, a finite number too, since others keep the square in more bits."""

    centre: Array
    room: Array
    loose: Array
    wild: Array
    blame: str
    advice: str
    choices: tuple[Array, ...] = ()
    whole: bool = False
    half: bool = False

    def explains(self, side: Array) -> Array:
        """(m, n, c): entries that operations give which are all right to their own rounding."""
        near = np.isfinite(side) & (differences(side, self.centre) <= self.room + self.loose)
        lost = (self.half | ~np.isfinite(side)) & (self.wild | ~np.isfinite(self.room))
        if self.choices and not (near | lost).all():
            chosen, moved = self._chosen(side, lost), np.any([k.any(axis=0) for k in self.choices], axis=0)
            near = np.where(moved, chosen, near | chosen)
        return np.asarray(near | lost)

    def _chosen(self, side: Array, lost: Array) -> Array:
        """(m, n, c): entries of rows that choices at the kinks give, each within the limits of its kink."""
        m, n, c = side.shape
        parts = [list(range(c))] if self.whole else [[0, 1], [2, 3]] if c == 4 else [[k] for k in range(c)]
        rows = [list(range(m))] if self.whole else [[i] for i in range(m)]
        out = np.zeros(side.shape, bool)
        for i, p in ((i, p) for i in rows for p in parts):
            at = np.ix_(i, range(n), p)
            use = ~lost[at].reshape(-1) & np.isfinite(side[at]).reshape(-1)
            target, room = ((x[at].reshape(-1)[use]) for x in (side - self.centre, self.room + self.loose))
            moves = [k[:, at[0], at[1], at[2]].reshape(len(k), -1)[:, use] for k in self.choices]
            out[at] = _reached(target, moves, room) & np.isfinite(side[at])
        return out

    def kinked(self, side: Array) -> bool:
        """Whether it takes the choice of a slope at a kink inside of the text to explain a number of a side."""
        return bool((np.isfinite(side) & (differences(side, self.centre) > self.room) & self.explains(side)).any())

    def rounds(self, side: Array) -> bool:
        """Whether rounding alone explains a side, without the choice of a slope at a kink inside of the text."""
        return bool((np.isfinite(side) & (differences(side, self.centre) <= self.room)).all())

    @property
    def told(self) -> str:
        return told(self.blame, self.advice)


def _reached(target: Array, moves: list[Array], room: Array) -> bool:
    """Whether a sum of one move of each kink, or of mixtures of a kink's moves, comes to a target (d,) but for room."""
    if not target.size:
        return True
    held = [k for k in moves if np.isfinite(k).all()]
    size = max(float(np.abs(target).max()), *(float(np.abs(k).max(initial=0.0)) for k in held), 1e-300)
    if not np.isfinite(size):  # operations that leave no number are explained by their own mask
        return False
    rows = np.concatenate(held) / size if held else np.zeros((0, target.size))
    if not rows.any():
        return bool((np.abs(target) <= room).all())
    sums = np.zeros((len(held), len(rows)))
    edges = np.cumsum([0, *(len(k) for k in held)])
    for q, (a, b) in enumerate(pairwise(edges)):
        sums[q, a:b] = 1e4
    weights = least_squares(np.vstack([rows.T, sums]), np.append(target / size, np.full(len(held), 1e4)))
    for a, b in pairwise(edges):
        weights[a:b] /= max(float(weights[a:b].sum()), 1e-12)
    rest = np.abs(rows.T @ weights * size - target)
    return bool((rest <= room + 1e-6 * size).all())


def told(blame: str, advice: str) -> str:
    """A sentence on a text that loses its digits."""
    where = f"`{blame}` loses the digits" if blame else "their roundings add up"
    return f"each operation of the text is right to its own rounding, {where}" + (f"; write {advice}" if advice else "")


def portable(context: Context, row: int) -> str:
    """The portable text that a row's target evaluated; "" where it had one of its own."""
    case = context.cases.get(context.seen.text("case", row))
    family = context.targets[int(context.joiner.target[row])].family
    source = None if case is None else case.source(family)
    return "" if source is None or source.kind != "portable" else source.text


def rounding_of(context: Context, row: int) -> Rounding | None:
    """`Rounding` of a row's text at its point; None where the text cannot be taken apart."""
    found = taken_of(context, row)
    return None if found is None else found.rounding


def taken_of(context: Context, row: int, alone: bool = False) -> Taken | None:
    """A row's text taken apart at its point, remembered; None where it cannot be. alone: also one of a single call,
    which without that is taken apart where it eliminates in a matrix whose numbers are graded."""
    text, seen = portable(context, row), context.seen
    if not text:
        return None
    key = ("rounding", alone, *(int(seen.codes[n][row]) for n in ("case", "point", "dtype")))
    if key not in context.memo:
        context.memo[key] = _evaluated(context, row, text, alone)
    found: Taken | None = context.memo[key]
    return found


@lru_cache(maxsize=4096)
def _meets_again(text: str) -> bool:
    """Whether a text meets one of its names more than once."""
    names = [n.id for n in ast.walk(ast.parse(text.strip())) if isinstance(n, ast.Name)]
    return len(set(names)) < len(names)


@lru_cache(maxsize=4096)
def single_call(text: str) -> bool:
    """Whether a text is one operation on inputs that are each met once: then that operation is what is judged. A number
    that it is given twice has a derivative of two terms, which may cancel (solve(a, a), x / x)."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:  # several lines
        return False
    plain = (ast.Name, ast.Constant)
    if _meets_again(text):
        return False
    if isinstance(tree, ast.Attribute):
        return isinstance(tree.value, ast.Name)
    if isinstance(tree, ast.BinOp):
        return isinstance(tree.left, plain) and isinstance(tree.right, plain)
    if not isinstance(tree, ast.Call):
        return False
    given = [*tree.args, *(k.value for k in tree.keywords)]
    return all(not any(isinstance(n, (ast.Call, ast.BinOp, ast.Attribute, ast.Subscript)) for n in ast.walk(a))
               for a in given)


def one_operation(context: Context, row: int) -> bool:
    """Whether a result is that of one operation, or of a text that cannot be taken apart and so answers as one."""
    text = portable(context, row)
    return not text or single_call(text)


#: Functions whose results come out of one elimination.
_ELIMINATING = ("solve", "inv")


def _called(text: str) -> str:
    """The function of a single call, "" of anything else."""
    tree = ast.parse(text.strip(), mode="eval").body
    return tree.func.id if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else ""


@lru_cache(maxsize=4096)
def _factorises(text: str) -> bool:
    """Whether a single call is of a factorisation: its result is exact for numbers near the given ones, and no more."""
    from harness.reference.namespace import namespace
    from harness.reference.stable import factorising

    name = _called(text)
    return name in namespace() and factorising(namespace()[name])


def _evaluated(context: Context, row: int, text: str, alone: bool) -> Taken | None:
    if find_spec("flint") is None:  # the reference is not installed
        return None
    single = single_call(text) and not alone
    if single and _called(text) not in _ELIMINATING:
        return None
    from harness.reference.steps import taken

    case, point = context.cases[context.seen.text("case", row)], point_of(context, row)
    if point is None:
        return None
    found = taken(text, case.inputs, point.arrays, form=DTYPES[context.seen.text("dtype", row)])
    if found is None or (single and not found.graded):
        return None
    return None if len(found.operations) < 2 - (alone or single or _meets_again(text)) else found


def point_of(context: Context, row: int) -> Point | None:
    """The point of a row; None where its case has it no longer."""
    case = context.cases[context.seen.text("case", row)]
    return next((p for p in case.points if p.name == context.seen.text("point", row)), None)


#: Kinds of raw results that are made of pushforwards.
FORWARD = ("pushforward", "jacobian-forward")


def factorised(context: Context, row: int) -> bool:
    """Whether the value of a row is that of a single factorisation, whose errors are small beside the norm of a matrix
    and not beside each entry."""
    text = portable(context, row)
    return bool(text) and single_call(text) and find_spec("flint") is not None and _factorises(text)


def values_of(context: Context, row: int, alone: bool = False) -> tuple[Array, Array, Rounding] | None:
    """Components of a value of correctly rounded operations, and how far they may be off. alone: also of a single
    factorisation."""
    found = rounding_of(context, row)
    if found is None and alone and factorised(context, row):
        apart = taken_of(context, row, alone)
        found = None if apart is None else apart.rounding
    k = -1 if found is None else output_position(context, row)
    if found is None or not 0 <= k < len(found.kinds) or found.kinds[k] not in "rc":
        return None
    return found.values[k], found.value_room[k], found


def steps_of(context: Context, row: int, form: Form, forward: bool) -> Steps | None:
    """`Steps` of a row of a differential, by pushforwards or by pullbacks."""
    found = rounding_of(context, row)
    if found is None:
        return None
    key = ("steps", int(context.spot[row]), form, forward)
    if key not in context.memo:
        context.memo[key] = _steps(context, row, form, found, forward)
    steps: Steps | None = context.memo[key]
    return steps


def _steps(context: Context, row: int, form: Form, found: Rounding, forward: bool) -> Steps | None:
    k, own = output_position(context, row), _columns(context, row, context.seen.text("input", row))
    if own is None or not 0 <= k < len(found.kinds) or found.kinds[k] not in "rc":
        return None
    parts: list[Array] = []
    open_ = (found.spoilt if forward else found.wild)[k].astype(np.float64)
    for matrix in (found.slope[k], found.room[k], found.loose[k], open_):
        mine = matrix[:, own]
        if found.kinds[k] == "r" and form.out_complex:
            mine = np.concatenate([mine, np.zeros_like(mine)])
        if mine.shape != (form.m * (1 + form.out_complex), form.n * (1 + form.in_complex)):
            return None
        parts.append(np.asarray(form.blocks(mine.reshape(1, -1))[0]))
    choices = []
    for kink in found.choices[k]:
        mine = kink[:, :, own]
        if found.kinds[k] == "r" and form.out_complex:
            mine = np.concatenate([mine, np.zeros_like(mine)], axis=1)
        if mine.any():
            choices.append(np.asarray(form.blocks(np.ascontiguousarray(mine).reshape(len(mine), -1))))
    half = bool(DTYPES[context.seen.text("dtype", row)].half)
    return Steps(parts[0], parts[1], parts[2], parts[3] > 0, found.blame, found.advice, tuple(choices), half=half)


def second_steps(context: Context, row: int, form: Form, truth: Array) -> Steps | None:
    """`Steps` of a row of a Hessian, where an operation of the text loses digits or meets no derivative.

    truth: (m, n, c). Where the first derivative may be off by d, the second may by d over the size of the argument, or
    over the length on which the argument of an operation that saturates changes by one;
    a kink or an infinity inside of the text is one of every order.
    """
    apart = taken_of(context, row)
    if apart is None or not (apart.blame or apart.kinked.any()):
        return None
    found, k = apart.rounding, output_position(context, row)
    if found is None or not 0 <= k < len(found.kinds) or found.kinds[k] != "r":
        return None
    names = context.seen.text("input", row).split(",")
    sides = []
    for name in (names[0], names[-1]):
        own, z = _columns(context, row, name), context.sizes_of_input(row, name)
        if own is None or z is None or found.room[k].shape[0] != 1:
            return None
        z = np.where(z > 0, z, z.max(initial=0.0) or 1.0)
        room, wild = found.room[k][0, own], found.wild[k][0, own] | found.spoilt[k][0, own]
        with np.errstate(all="ignore"):
            # Twice: a second derivative is a sum of two products of such differences.
            steep = np.maximum(1.0 / np.resize(z, room.size), 2 * apart.rate[own])
        sides.append((room, found.kinked[own], wild | found.kinked[own], steep))
    (a, a_kink, a_wild, za), (b, b_kink, b_wild, zb) = sides
    if not found.blame:
        a, b = np.zeros_like(a), np.zeros_like(b)
    if (a.size, b.size) != (form.m * (1 + form.out_complex), form.n * (1 + form.in_complex)):
        return None
    with np.errstate(all="ignore"):
        room = np.nan_to_num(a[:, None] * zb[None, :] + b[None, :] * za[:, None], nan=0.0, posinf=np.inf)
    loose = np.where(a_kink[:, None] | b_kink[None, :], np.inf, 0.0)
    wild = (a_wild[:, None] | b_wild[None, :]).astype(float)
    blocks = [form.blocks(x.reshape(1, -1))[0] for x in (room, loose, wild)]
    return Steps(truth, blocks[0], blocks[1], blocks[2] > 0, found.blame, found.advice)


def third_steps(context: Context, row: int, truth: Array) -> Steps | None:
    """`Steps` of third derivatives, where an operation of the text loses digits or meets no derivative: what is left of
    a third derivative then nobody can say, and nobody is accused of it."""
    apart = taken_of(context, row)
    if apart is None or not (apart.blame or apart.kinked.any()):
        return None
    found = apart.rounding
    if found is None:
        return None
    free, wild = np.full(truth.shape, np.inf), np.ones(truth.shape, bool)
    return Steps(truth, free, free, wild, found.blame, found.advice)


def raw_steps(engine: Engine, row: int, form: Form, kind: str) -> Steps | None:
    """`Steps` of what a native API returns: the sums that it makes of the differential's."""
    context = engine.context
    j = int(context.j_row[row])
    j_form = context.j_form(j) if j >= 0 and kind in VECTOR_OF else None
    own = None if j_form is None else steps_of(context, j, j_form, kind in FORWARD)
    if j_form is None or own is None:
        return None
    shape = engine.seen.shapes[engine.seen.shape[j]]
    side = VECTOR_OF[kind]
    vectors = [engine.vector(j, kind, side, shape)] if side else None
    parts = []
    for blocks, absolute in ((own.centre, False), (np.where(np.isfinite(own.room), own.room, 1e300), True),
                             (own.loose, True), (own.wild.astype(np.float64), True)):
        with np.errstate(all="ignore"):
            total, is_complex = predicted(
                kind, as_matrix(blocks, j_form), j_form.out_complex, j_form.in_complex, vectors, absolute=absolute)
        if total.shape[1] != form.m * form.n * (1 + is_complex):
            return None
        parts.append(form.blocks(form.widen(total, is_complex, False))[0])
    room = np.where(parts[1] > 1e299, np.inf, parts[1])
    choices = []
    for kink in own.choices:
        moved = [predicted(kind, as_matrix(x, j_form), j_form.out_complex, j_form.in_complex, vectors) for x in kink]
        total = np.concatenate([x for x, _ in moved])
        choices.append(np.asarray(form.blocks(form.widen(total, moved[0][1], False))))
    return Steps(parts[0], room, parts[2], parts[3] > 0, own.blame, own.advice, tuple(choices), True, own.half)


def as_matrix(blocks: Array, form: Form) -> Array:
    """(m, n, c) blocks back to J as (1, 2m, 2n)."""
    a, b = 1 + form.out_complex, 1 + form.in_complex
    cube = blocks.reshape(form.m, form.n, a, b).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(cube).reshape(1, a * form.m, b * form.n)


def output_position(context: Context, row: int) -> int:
    """The position of a row's output among those of its case; -1 where it is not known."""
    case, name = context.cases[context.seen.text("case", row)], context.seen.text("output", row)
    if name in case.outputs:
        return case.outputs.index(name)
    if name == "out":
        return 0
    digits = name.removeprefix("out")
    return int(digits) if digits.isdigit() else -1


def _columns(context: Context, row: int, name: str) -> slice | None:
    """The columns of an input among those of all differentiated inputs."""
    case = context.cases[context.seen.text("case", row)]
    at = 0
    for i in case.inputs:
        if not i.differentiate or i.kind not in ("real", "complex"):
            continue
        size: Any = prod(i.shape) * (2 if i.kind == "complex" else 1)
        if i.name == name:
            return slice(at, at + size)
        at += size
    return None
