"""What is known about a value before anything runs: arrays, Python numbers, tuples; and how big an integer can get.

Arrays are opaque here. Python integers, which have no bound of their own, carry one, so that a power tower is
refused by arithmetic on bounds and never by computing it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

MAX_BITS = 63  # of a Python integer that is known
MAX_DYNAMIC_BITS = 1024  # of one that depends on shapes
MAX_LENGTH = 10_000  # of a tuple or list
EXACT = 2**53  # integers up to here are doubles


@dataclass(frozen=True)
class Kind:
    """What is known statically about a value.

    sort: "array", "int" (bool included), "number" (float or complex), "sequence", "string", "none", "slice", "other".
    known/value: a Python constant. bits: bound of a Python integer. length: bound of a sequence.
    element/items: what a sequence holds. fields: names of its items, where it has them.
    fresh: an array that was computed here, so that writing to it cannot reach an input.
    """

    sort: str
    known: bool = False
    value: Any = None
    bits: int = 0
    length: int = 0
    element: Kind | None = None
    items: tuple[Kind, ...] | None = None
    fields: tuple[str, ...] = ()
    fresh: bool = False

    @property
    def is_python_number(self) -> bool:
        return self.sort in ("int", "number")

    @property
    def words(self) -> str:
        """How to call it in a message."""
        return {"sequence": "a tuple or list", "string": "a string", "none": "None", "slice": "a slice"}.get(
            self.sort, self.sort
        )


ARRAY = Kind("array")
FRESH = Kind("array", fresh=True)
NUMBER = Kind("number")
SIZE = Kind("int", bits=40)
OTHER = Kind("other")
NONE = Kind("none", known=True)
SLICE = Kind("slice")
SHAPE = Kind("sequence", length=64, element=SIZE)
ARRAYS = Kind("sequence", length=MAX_LENGTH, element=ARRAY)


class ExpressionRefused(Exception):
    """Why an operation is refused: problem and hint; the caller knows the place."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


def constant(value: Any) -> Kind:
    """The kind of a Python constant; refuses what is not data."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return Kind("int", True, value, bits=1)
    if isinstance(value, int):
        if abs(value) > EXACT:
            raise ExpressionRefused("this integer is too big to be a double exactly", "write a float: 1e20")
        return Kind("int", True, value, bits=max(value.bit_length(), 1))
    if isinstance(value, (float, complex)):
        return Kind("number", True, value)
    if isinstance(value, str):
        return Kind("string", True, value)
    if value is Ellipsis:
        return Kind("other", True, value)
    raise ExpressionRefused(f"constants of type {type(value).__name__} are not allowed")


def display(items: tuple[Kind, ...]) -> Kind:
    """The kind of a tuple or list display."""
    element = items[0] if items and len({item.sort for item in items}) == 1 else ARRAY
    fresh = bool(items) and all(item.fresh for item in items)
    element = replace(element, known=False, value=None, fresh=fresh)
    return Kind("sequence", length=len(items), element=element, items=items)


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


def _bits(left: Kind, op: ast.operator, right: Kind) -> int | None:
    """A bound for the bits of an integer result; None where the result is a float."""
    if isinstance(op, (ast.Add, ast.Sub)):
        return max(left.bits, right.bits) + 1
    if isinstance(op, ast.Mult):
        return left.bits + right.bits
    if isinstance(op, ast.Div):
        return None
    if isinstance(op, ast.Mod):
        return right.bits
    if isinstance(op, ast.Pow):
        if not right.known:
            raise ExpressionRefused(
                "a power of integers whose exponent is not a constant", "make one of them a float: 2.0 ** n"
            )
        return None if right.value < 0 else max(left.bits * right.value, 1)
    return max(left.bits, right.bits)


def _integers(left: Kind, op: ast.operator, right: Kind) -> Kind:
    both = left.known and right.known
    bits = _bits(left, op, right)
    if bits is None:
        return NUMBER if not both else _computed(op, left.value, right.value)
    if isinstance(op, ast.Pow) and left.known and abs(left.value) <= 1:
        bits = 1
    # The bound of a known result may be one bit too wide, which is why the exact test follows the computation.
    if bits > (4 * MAX_BITS if both else MAX_DYNAMIC_BITS):
        raise ExpressionRefused("this integer can become too big", "use a float: 2.0 ** 100, 1e20")
    if not both:
        return Kind("int", bits=bits)
    return _computed(op, left.value, right.value)


def _computed(op: ast.operator, left: Any, right: Any) -> Kind:
    """The constant that Python computes, all bounds having been checked."""
    try:
        value = _BINARY[type(op)](left, right)
    except ZeroDivisionError:
        raise ExpressionRefused("this constant divides by zero", "write inf or nan where that is meant") from None
    except OverflowError:
        raise ExpressionRefused("this constant overflows a double", "write inf where that is meant") from None
    except TypeError:
        raise ExpressionRefused("these constants cannot be combined") from None
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ExpressionRefused("this integer is too big", "use a float: 2.0 ** 100, 1e20")
        return Kind("int", True, value, bits=max(value.bit_length(), 1))
    return Kind("number", True, value)


def _either(left: Kind | None, right: Kind | None) -> Kind | None:
    """What an item of one of two sequences is; it is fresh only where the items of both are."""
    kind = left or right
    return replace(kind, fresh=False) if kind is not None else None


def binary(left: Kind, op: ast.operator, right: Kind) -> Kind:
    """The kind of `left op right`; raises ExpressionRefused."""
    sorts = {left.sort, right.sort}
    if sorts == {"sequence"} and isinstance(op, ast.Add):
        length = left.length + right.length
        if length > MAX_LENGTH:
            raise ExpressionRefused("this tuple becomes too long")
        items = left.items + right.items if left.items is not None and right.items is not None else None
        element = left.element if left.element == right.element else _either(left.element, right.element)
        return Kind("sequence", length=length, element=element, items=items)
    for side in (left, right):
        if side.sort not in ("array", "int", "number"):
            hint = "write array([1, 2])" if side.sort == "sequence" else ""
            raise ExpressionRefused(f"{side.words} takes no part in arithmetic", hint)
    if "array" in sorts:
        return FRESH
    if isinstance(op, ast.MatMult):
        raise ExpressionRefused("@ needs arrays on both sides")
    if isinstance(op, (ast.BitAnd, ast.BitOr, ast.BitXor)) and "number" in sorts:
        raise ExpressionRefused("&, | and ^ are for booleans and integers")
    if "number" in sorts:
        if left.known and right.known:
            return _computed(op, left.value, right.value)
        return NUMBER
    return _integers(left, op, right)


def unary(op: ast.unaryop, operand: Kind) -> Kind:
    """The kind of `op operand`; raises ExpressionRefused."""
    if operand.sort not in ("array", "int", "number"):
        raise ExpressionRefused(f"{operand.words} takes no part in arithmetic")
    if operand.sort == "array":
        return ARRAY if isinstance(op, ast.UAdd) else FRESH  # torch's +x is x itself
    if isinstance(op, ast.Invert):
        raise ExpressionRefused("~ is for boolean arrays")
    if isinstance(op, ast.Not):
        return Kind("int", bits=1)
    if not operand.known:
        return operand
    value = -operand.value if isinstance(op, ast.USub) else +operand.value
    return replace(operand, value=value)


def subscript(base: Kind, index: Kind) -> Kind:
    """The kind of `base[index]`; raises ExpressionRefused."""
    if base.sort == "array":
        return Kind("array", fresh=base.fresh)
    if base.sort != "sequence":
        raise ExpressionRefused(f"{base.words} cannot be indexed")
    if index.sort == "slice":
        return Kind("sequence", length=base.length, element=base.element)
    if index.sort != "int":
        raise ExpressionRefused("a tuple or list is indexed by an integer or a slice")
    if index.known and base.items is not None:
        try:
            item: Kind = base.items[index.value]
            return item
        except IndexError:
            raise ExpressionRefused(f"index {index.value} of {len(base.items)} items") from None
    return base.element or ARRAY
