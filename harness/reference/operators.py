"""Python's operators in terms of one method, for arrays of balls."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T", bound="Operators")


class Operators:
    """What is not an array is lifted by `operate`, on either side."""

    def __invert__(self: T) -> T:
        raise NotImplementedError

    def operate(self: T, name: str, left: Any, right: Any) -> T:
        """The named operation of two operands."""
        raise NotImplementedError

    def __add__(self: T, other: Any) -> T:
        return self.operate("add", self, other)

    def __radd__(self: T, other: Any) -> T:
        return self.operate("add", other, self)

    def __sub__(self: T, other: Any) -> T:
        return self.operate("subtract", self, other)

    def __rsub__(self: T, other: Any) -> T:
        return self.operate("subtract", other, self)

    def __mul__(self: T, other: Any) -> T:
        return self.operate("multiply", self, other)

    def __rmul__(self: T, other: Any) -> T:
        return self.operate("multiply", other, self)

    def __truediv__(self: T, other: Any) -> T:
        return self.operate("divide", self, other)

    def __rtruediv__(self: T, other: Any) -> T:
        return self.operate("divide", other, self)

    def __floordiv__(self: T, other: Any) -> T:
        return self.operate("floor_divide", self, other)

    def __rfloordiv__(self: T, other: Any) -> T:
        return self.operate("floor_divide", other, self)

    def __mod__(self: T, other: Any) -> T:
        return self.operate("remainder", self, other)

    def __rmod__(self: T, other: Any) -> T:
        return self.operate("remainder", other, self)

    def __pow__(self: T, other: Any) -> T:
        return self.operate("power", self, other)

    def __rpow__(self: T, other: Any) -> T:
        return self.operate("power", other, self)

    def __matmul__(self: T, other: Any) -> T:
        return self.operate("matmul", self, other)

    def __rmatmul__(self: T, other: Any) -> T:
        return self.operate("matmul", other, self)

    def __and__(self: T, other: Any) -> T:
        return self.operate("and", self, other)

    def __or__(self: T, other: Any) -> T:
        return self.operate("or", self, other)

    def __xor__(self: T, other: Any) -> T:
        return self.operate("xor", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lt__(self: T, other: Any) -> T:
        return self.operate("less", self, other)

    def __le__(self: T, other: Any) -> T:
        return self.operate("less_equal", self, other)

    def __gt__(self: T, other: Any) -> T:
        return self.operate("less", other, self)

    def __ge__(self: T, other: Any) -> T:
        return self.operate("less_equal", other, self)

    def __eq__(self: T, other: Any) -> T:  # type: ignore[override]
        return self.operate("equal", self, other)

    def __ne__(self: T, other: Any) -> T:  # type: ignore[override]
        return ~self.operate("equal", self, other)
