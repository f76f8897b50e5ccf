"""The floating-point formats of cases, audits and sweeps: what numbers they have, how far apart those are, how rounding
goes, and how many roundings are held against nobody.

The one place that knows a precision by its numbers. The module is part of what a worker loads (standard library and
NumPy, Python 3.10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Format:
    """A binary format of real numbers, IEEE 754 in all but its widths.

    digits: bits of the significand, the hidden one included. low, high: exponents of the smallest and of the largest
    normal binade, [2**low, 2**(low + 1)). holder: the NumPy dtype its numbers are kept in, exactly; half: the
    frameworks' word of a half precision, else "". flushes: whether hardware commonly takes what is below the normal
    numbers for 0, so that no error there is counted. roundings: how many units in the last place of the terms it is
    made of are held against no result. draws, beyond: how many evaluations with random roundings of up to two units in
    the last place are tried of a text, and how far beyond the furthest of them a faithful one may be: more and less of
    half precision, of which eight times the first few would be all the digits that there are.
    """

    name: str
    digits: int
    low: int
    high: int
    holder: str
    half: str = ""
    flushes: bool = True
    roundings: float = 64.0
    draws: int = 2
    beyond: float = 8.0

    @property
    def eps(self) -> float:
        """The spacing of the numbers from 1 to 2."""
        return 2.0 ** (1 - self.digits)

    @property
    def largest(self) -> float:
        return float((2 - 2.0 ** (1 - self.digits)) * 2.0**self.high)

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0**self.low

    @property
    def smallest(self) -> float:
        """The smallest number above 0."""
        return float(np.ldexp(1.0, self.low - self.digits + 1))

    @property
    def floor(self) -> float:
        """The unit in which errors of what is below the normal numbers are counted."""
        return self.tiny if self.flushes else self.smallest

    def rounded(self, x: Array) -> Array:
        """The nearest numbers of the format, as doubles (ties to even; beyond its range infinite)."""
        with np.errstate(all="ignore"):
            if self.name != "bfloat16":
                return x.astype(self.name).astype(np.float64)
            # NumPy lacks it, and by way of single precision a number next to a tie would be rounded twice.
            wide = x.astype(np.float64)
            unit = np.ldexp(1.0, np.maximum(np.frexp(wide)[1] - 1, self.low) - self.digits + 1)
            near = np.where(np.isfinite(wide), np.rint(wide / unit) * unit, wide)
            return np.where(np.abs(near) > self.largest, np.copysign(np.inf, near), near)

    def held(self, x: Array) -> Array:
        """Real or complex numbers rounded to the format, part by part, in double precision."""
        if x.dtype.kind != "c":
            return self.rounded(x)
        out = np.empty(x.shape, np.complex128)
        out.real, out.imag = self.rounded(x.real), self.rounded(x.imag)
        return out

    def spacing(self, x: Array) -> Array:
        """The distance of numbers, rounded to the format, from their neighbours further from 0, as doubles; NaN for
        what is not finite there."""
        with np.errstate(all="ignore"):
            if not self.half:
                return np.asarray(np.spacing(x.astype(self.name)).astype(np.float64))
            near = np.abs(self.rounded(x))
            exponent = np.where(near < self.tiny, self.low, np.frexp(near)[1] - 1)
            unit = np.ldexp(1.0, exponent - self.digits + 1)
            return np.where(np.isfinite(near), unit, np.nan)

    def unit(self, x: Array) -> Array:
        """The unit in the last place of numbers of these magnitudes; below the smallest normal number `floor`."""
        with np.errstate(all="ignore"):
            size = np.minimum(np.abs(x), self.largest)
            exponent = np.maximum(np.frexp(size)[1] - 1, self.low)
            return np.where(size < self.tiny, self.floor, np.ldexp(1.0, exponent - self.digits + 1))

    def next(self, x: Array, steps: Array) -> Array:
        """`steps` numbers of the format above x (below, where negative); x of the format."""
        order = _ordinal(x, self) + steps
        return _number(order, self)

    def every(self, start: int = 0, stop: int | None = None) -> Array:
        """All numbers of the format in the order of their bits, `start` to `stop` of them: finite and not."""
        width = {"float16": 16, "bfloat16": 16, "float32": 32}[self.name]
        bits = np.arange(start, (1 << width) if stop is None else stop, dtype=np.uint64)
        if self.name == "float16":
            return bits.astype(np.uint16).view(np.float16).astype(np.float32)
        shift = 16 if self.name == "bfloat16" else 0
        return (bits << shift).astype(np.uint32).view(np.float32)


FORMATS: Mapping[str, Format] = MappingProxyType({
    "bfloat16": Format("bfloat16", 8, -126, 127, "float32", "bfloat16", roundings=4.0, draws=6, beyond=2.0),
    "float16": Format("float16", 11, -14, 15, "float16", "float16", flushes=False, roundings=4.0, draws=6,
                      beyond=2.0),
    "float32": Format("float32", 24, -126, 127, "float32"),
    "float64": Format("float64", 53, -1022, 1023, "float64"),
})
SINGLE, DOUBLE = FORMATS["float32"], FORMATS["float64"]

#: dtype word of a case, an audit or a sweep -> the format of its components; the narrower ones first.
DTYPES: Mapping[str, Format] = MappingProxyType({
    "bfloat16": FORMATS["bfloat16"], "float16": FORMATS["float16"], "float32": SINGLE, "complex64": SINGLE,
    "float64": DOUBLE, "complex128": DOUBLE,
})

def holder(word: str) -> str:
    """NumPy's word for what holds arrays of a framework's dtype exactly: "float32" for bfloat16, which NumPy lacks."""
    return FORMATS[word].holder if word in FORMATS else word


#: Words of half precision. No framework has complex numbers of them (torch's complex32 is an experiment).
HALVES = tuple(word for word, form in DTYPES.items() if form.half)


def _ordinal(x: Array, form: Format) -> Array:
    """Numbers as consecutive integers: 0 for 0, 1 for the smallest above it; x as doubles of the format."""
    size = np.abs(x)
    e = np.where(size == 0, form.low, np.maximum(np.frexp(size)[1] - 1, form.low))
    step = np.ldexp(1.0, e - form.digits + 1)
    per = 1 << (form.digits - 1)
    order = (size / step).astype(np.int64) + (e - form.low).astype(np.int64) * per
    return np.asarray(np.where(np.signbit(x), -order, order))


def _number(order: Array, form: Format) -> Array:
    per = 1 << (form.digits - 1)
    size = np.minimum(np.abs(order), (form.high - form.low + 2) * per - 1)
    binade = np.maximum(size // per - 1, 0)
    mantissa = size - binade * per
    out = np.ldexp(mantissa.astype(np.float64), (binade + form.low - form.digits + 1).astype(np.int32))
    return np.asarray(np.where(order < 0, -out, out))
