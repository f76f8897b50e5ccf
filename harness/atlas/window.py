"""Where an atlas looks: a window of the complex plane or an interval of the real line, and its sample points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.model import CaseError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Window:
    """re x im, both (low, high). axes: whether the samples nearest to the axes are moved onto them.

    With `axes`, the two columns of samples on either side of x = 0 become x = -0.0 and x = +0.0, the two rows on either
    side of y = 0 become y = -0.0 and y = +0.0: branch cuts along the axes are met exactly, from both signs of zero,
    and so is the origin. Without, no sample has a zero component.
    """

    re: tuple[float, float] = (-3.0, 3.0)
    im: tuple[float, float] = (-3.0, 3.0)
    axes: bool = True

    @classmethod
    def parse(cls, text: str | None, *, axes: bool = True) -> Window:
        """"3" is [-3, 3] squared; "-2,4" is that interval on both axes; "-2,4,-1,1" is re then im; colons may stand for
        commas ("-2:4,-1:1"). Raises CaseError."""
        if not text:
            return cls(axes=axes)
        try:
            numbers = [float(part) for part in text.replace(":", ",").split(",")]
        except ValueError:
            numbers = []
        if len(numbers) == 1:
            numbers = [-abs(numbers[0]), abs(numbers[0])]
        if len(numbers) == 2:
            numbers = numbers * 2
        good = len(numbers) == 4 and all(np.isfinite(numbers)) and numbers[0] < numbers[1] and numbers[2] < numbers[3]
        if not good:
            raise CaseError(f"the window {text!r} is not understood", None, "write R or RE0:RE1,IM0:IM1")
        return cls((numbers[0], numbers[1]), (numbers[2], numbers[3]), axes)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        return (*self.re, *self.im)

    def grid(self, size: int) -> Array:
        """(size, size) complex128, rows from the lowest imaginary part up; samples are the centres of pixels."""
        x, y = self.line(self.re, size), self.line(self.im, size)
        z = np.empty((size, size), np.complex128)
        z.real, z.imag = x[None, :], y[:, None]
        return z

    def line(self, ends: tuple[float, float], size: int) -> Array:
        """(size,) float64: centres of `size` equal cells, with the axis treated as the class says."""
        low, high = ends
        x = low + (np.arange(size) + 0.5) * ((high - low) / size)
        step = (high - low) / size
        if not low <= 0 <= high:
            return x
        if self.axes:
            left, right = np.flatnonzero(x <= 0), np.flatnonzero(x > 0)
            if left.size:
                x[left[-1]] = -0.0
            if right.size and (right[0] != 0 or not left.size):
                x[right[0]] = 0.0
        else:
            x[x == 0] = step / 2
        return x

    def describe(self, size: int) -> str:
        """One sentence for the caption: what was sampled."""
        re, im = (f"[{a:g}, {b:g}]" for a, b in (self.re, self.im))
        if self.axes:
            on = "; the two lines of samples next to an axis lie on it, as −0 and +0"
        else:
            on = "; no sample lies on an axis"
        return f"{size} × {size} samples of {re} × {im}i{on}"
