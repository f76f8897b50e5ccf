"""What a constant ratio of two results may be: a length of an input, N/(N - 1), a square root, a multiple of pi."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

#: Ratios that stand in formulas of their own, as people write them.
_KNOWN = {
    "pi": math.pi, "2 pi": 2 * math.pi, "4 pi": 4 * math.pi, "sqrt(pi)": math.pi**0.5,
    "sqrt(2 pi)": (2 * math.pi) ** 0.5, "sqrt(4 pi)": (4 * math.pi) ** 0.5, "sqrt(pi/2)": (math.pi / 2) ** 0.5,
    "4 pi/3": 4 * math.pi / 3, "sqrt(2)": 2**0.5, "sqrt(3)": 3**0.5, "log(2)": math.log(2), "log(10)": math.log(10),
    "log2(10)": math.log2(10), "pi/180": math.pi / 180, "10/log(10)": 10 / math.log(10),
    "20/log(10)": 20 / math.log(10), "e": math.e, "255": 255.0,
}


def lengths(shapes: Mapping[str, tuple[int, ...]]) -> dict[int, str]:
    """Each length of the arrays above 2, with where it is: the first axis that has it, or the number of entries."""
    out: dict[int, str] = {}
    for name, shape in shapes.items():
        for axis, n in enumerate(shape):
            if n > 2:
                out.setdefault(n, f"the length of axis {axis} of {name}")
    for name, shape in shapes.items():
        n = math.prod(shape)
        if n > 2:
            out.setdefault(n, f"the number of entries of {name}")
    return out


def meaning(ratio: float, sizes: Mapping[int, str], rtol: float) -> str:
    """ "N/(N - 1) for N = 4, the length of axis 0 of x"; "" where no formula gives the ratio.

    sizes: see `lengths`. rtol: how exactly the ratio is known.
    """
    if not math.isfinite(ratio) or not ratio or abs(abs(ratio) - 1) <= rtol:
        return ""
    sign = "-" if ratio < 0 else ""
    for size in (abs(ratio), 1 / abs(ratio)):
        turned = size != abs(ratio)
        for text, number in (*_KNOWN.items(), *_of(sizes)):
            if number != 2 and abs(size - number) <= rtol * number:  # (a factor 2 is hardly ever a length)
                formula, _, rest = text.partition(" for ")
                if turned and formula == "N/(N - 1)":
                    return f"{sign}(N - 1)/N for {rest}"
                bare = formula.replace("sqrt", "").replace("log", "").isalnum() or formula.startswith("sqrt")
                shown = (f"1/{formula}" if bare else f"1/({formula})") if turned else formula
                return f"{sign}{shown}" + (f" for {rest}" if rest else "")
    return ""


def _of(sizes: Mapping[int, str]) -> Iterator[tuple[str, float]]:
    for n, where in sizes.items():
        yield f"N for N = {n}, {where}", float(n)
        yield f"N/(N - 1) for N = {n}, {where}", n / (n - 1)
        yield f"sqrt(N) for N = {n}, {where}", math.sqrt(n)
        yield f"sqrt(N/(N - 1)) for N = {n}, {where}", math.sqrt(n / (n - 1))
        yield f"2 N for N = {n}, {where}", 2.0 * n
        yield f"N/2 for N = {n}, {where}", n / 2 if n != 4 else math.nan
