"""Thrift's compact protocol, in which Parquet files describe themselves, read with bounds."""

from __future__ import annotations

import mmap
from typing import Any

from harness.untrusted import Malformed

STRUCTURES = 400_000


class Thrift:
    """Reads structures: field number -> integer, boolean, structure, or a list of structures; None for the rest.

    data: bytes from `at` to `end`, of which no more than `most` are read. Raises Malformed for what ends too soon, for
    a field that stands twice (of which others might read another one), and for more structures than `STRUCTURES`.
    """

    def __init__(self, data: bytes | mmap.mmap, at: int, end: int, most: int = 1 << 20) -> None:
        self.data, self.at, self.end, self.left = data, at, min(end, at + most), STRUCTURES

    def byte(self) -> int:
        if self.at >= self.end:
            raise Malformed("it does not end")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise Malformed("it holds a number that is too long")

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> tuple[dict[int, Any], int]:
        if depth > 8:
            raise Malformed("it is nested too deeply")
        self.left -= 1
        if self.left < 0:
            raise Malformed(f"it has more than {STRUCTURES:,} parts")
        found: dict[int, Any] = {}
        field = 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.integer()
            if field in found:
                raise Malformed("a field of it stands twice")
            found[field] = self.value(head & 15, depth)
        return found, self.at

    def value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 7:
            self.skip(8)
            return None
        if kind == 8:
            self.skip(self.varint())
            return None
        if kind in (9, 10):
            if depth > 8:
                raise Malformed("it is nested too deeply")
            head = self.byte()
            count = head >> 4 if head >> 4 != 15 else self.varint()
            if head & 15 == 12:
                return [self.struct(depth + 1)[0] for _ in range(count)]
            for _ in range(count):
                if head & 15 in (1, 2):
                    self.byte()  # in a list a boolean has a byte of its own
                else:
                    self.value(head & 15, depth + 1)
            return None
        if kind == 12:
            return self.struct(depth + 1)[0]
        raise Malformed("it is not understood")

    def skip(self, count: int) -> None:
        if count > self.end - self.at:
            raise Malformed("it does not end")
        self.at += count
