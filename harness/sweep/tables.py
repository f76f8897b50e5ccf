"""What a sweep found as a frame and as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats import DTYPES
from harness.sweep.engine import Side, Swept
from harness.sweep.errors import QUANTITIES
from harness.sweep.regions import Region, regions

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]

COLUMNS = (
    "function", "dtype", "backend", "by", "asked", "decided", "value_worst", "value_median", "value_at", "dz_worst",
    "dz_median", "dz_at", "dzbar_worst", "dzbar_median", "dzbar_at", "subnormal_worst", "subnormal_at", "regions",
    "versions", "missing",
)
#: Columns of text; the others are numbers.
TEXTS = ("function", "dtype", "backend", "by", "value_at", "dz_at", "dzbar_at", "subnormal_at", "regions", "versions",
         "missing")
_SHOWN = 8  # regions in words for a terminal


def rows(swept: Swept, found: Sequence[Region] | None = None) -> list[dict[str, Any]]:
    """One row a side, COLUMNS, and one a backend that has no answer. Worst errors are over numbers that are no
    subnormals, medians over the strata; `*_at` is the point of the worst, exact as Python writes it. Errors are in ulp;
    NaN where nothing was decided. missing: the framework's own words where it has no value or no such derivative."""
    found = regions(swept) if found is None else found
    versions = ", ".join(f"{k} {swept.versions[k].partition('+')[0]}" for k in ("torch", "jax") if k in swept.versions)
    out = []
    for side in swept.sides:
        row: dict[str, Any] = {
            "function": swept.subject.text, "dtype": swept.dtype, "backend": side.backend, "by": side.by,
            "asked": swept.asked, "decided": int(sum(~np.isnan(side.errors["value"]))), "versions": versions,
            "missing": _first_line(swept.messages.get(f"{side.backend.partition(',')[0]} {side.by}", "")),
        }
        for quantity in QUANTITIES:
            error = side.errors.get(quantity, np.full(swept.points.size, np.nan))
            row[f"{quantity}_worst"], row[f"{quantity}_at"] = worst(swept, error, swept.normal)
            even = error[swept.even & ~np.isnan(error)]
            row[f"{quantity}_median"] = float(np.median(even)) if even.size else np.nan
        tiny = np.fmax.reduce(list(side.errors.values()))
        row["subnormal_worst"], row["subnormal_at"] = worst(swept, tiny, ~swept.normal)
        own = [r for r in found if side.name in r.sides or (r.quantity == "value" and side.backend in r.sides)]
        row["regions"] = "; ".join(r.sentence(swept.form) for r in own)
        out.append({name: row[name] for name in COLUMNS})
    answered = {name for side in swept.sides for name in side.backend.split(", ")}
    words: dict[str, list[str]] = {}
    for name, said in swept.messages.items():
        if name not in answered and " " not in name:
            words.setdefault(said, []).append(name)
    return out + [without(swept.subject.text, swept.dtype, names, said, versions) for said, names in words.items()]


def without(function: str, dtype: str, names: Sequence[str], said: str, versions: str) -> dict[str, Any]:
    """The row of backends that have no answer: no errors, and why."""
    row: dict[str, Any] = {name: "" if name in TEXTS else 0 if name in ("asked", "decided") else np.nan
                           for name in COLUMNS}
    return row | {"function": function, "dtype": dtype, "backend": ", ".join(names), "versions": versions,
                  "missing": _first_line(said)}


def _first_line(said: str) -> str:
    return next((line for line in said.splitlines() if line.strip()), "")[:200]


def worst(swept: Swept, error: Array, among: Array) -> tuple[float, str]:
    """(error, point) of the largest error among some points; (NaN, "") where none is known."""
    at = np.flatnonzero(among & ~np.isnan(error))
    if not at.size:
        return np.nan, ""
    k = int(at[np.argmax(error[at])])
    return float(error[k]), written(swept.points[k])


def written(point: Any) -> str:
    """A number as Python reads it back exactly, signed zeros included."""
    if isinstance(point, complex | np.complexfloating):
        if point.imag == 0 or point.real == 0:
            return f"complex({float(point.real)!r}, {float(point.imag)!r})"
        return repr(complex(point)).strip("()")
    return repr(float(point))


def frame(made: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of several sweeps as a frame."""
    import pandas as pd

    return pd.DataFrame(made, columns=list(COLUMNS))


def terminal(swept: Swept, found: Sequence[Region], size: int | None = None) -> str:
    """The sweep in lines: what was asked, worst and median by side with the worst point, regions in words."""
    from harness.report.text import table, width

    size = size or width()
    versions = ", ".join(f"{k} {v}" for k, v in swept.versions.items() if k in ("torch", "jax"))
    decided = max((int((~np.isnan(s.errors["value"])).sum()) for s in swept.sides), default=0)
    lines = [
        f"{swept.subject.text} at {swept.dtype}, {versions}: {swept.asked:,} points on each framework, {decided:,} "
        f"decided by the reference, {swept.seconds:.0f} s",
        "", "error in ulp, worst / median, and where the derivative (else the value) is worst",
    ]
    lines += table(["backend", "by", *_headings(swept), "worst at"], [
        [side.backend, side.by, *_cells(swept, side), _worst_at(swept, side)] for side in swept.sides
    ], size, right=", ".join(_headings(swept))).splitlines()
    lines += [f"{name}: {words}" for name, words in swept.messages.items()]
    lines.append("")
    if not found:
        lines.append("right everywhere to half of the digits, as far as was looked")
    for region in found[:_SHOWN]:
        lines.append(f"{_names(region.sides)}: {region.sentence(swept.form)}")
        lines.append(f"    worst {brief(region.worst)} ulp at {written(_point(swept, region))}")
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} smaller regions: --format csv or json has them all")
    return "\n".join(lines)


def _point(swept: Swept, region: Region) -> complex | float:
    return region.at if np.iscomplexobj(swept.points) else region.at.real


def _headings(swept: Swept) -> list[str]:
    return ["value", "derivative"] if swept.subject.real else ["value", "d/dz", "d/dz*"]


def _cells(swept: Swept, side: Side) -> list[str]:
    out = []
    for quantity in QUANTITIES[: len(_headings(swept))]:
        error = side.errors.get(quantity)
        if error is None:
            out.append("")
            continue
        even = error[swept.even & ~np.isnan(error)]
        median = brief(float(np.median(even))) if even.size else "?"
        out.append(f"{brief(worst(swept, error, swept.normal)[0])} / {median}")
    return out


def _worst_at(swept: Swept, side: Side) -> str:
    pair = [side.errors[q] for q in ("dz", "dzbar") if q in side.errors] or [side.errors["value"]]
    return worst(swept, np.fmax.reduce(pair), swept.normal)[1]


def _names(sides: Sequence[str]) -> str:
    """"jax reverse, jax forward" as "jax reverse and forward"."""
    by: dict[str, list[str]] = {}
    for side in sides:
        backend, space, direction = side.rpartition(" ")
        if space and direction in ("reverse", "forward"):
            by.setdefault(backend, []).append(direction)
        else:
            by.setdefault(side, [])
    return "; ".join(f"{name} {' and '.join(d)}".strip() for name, d in by.items())


def brief(value: float) -> str:
    """Two digits: <.01, 0.5, 12, 4.5e15, inf; ? where nothing is known."""
    if value != value:
        return "?"
    if 0 < value < 0.01:
        return "<.01"
    return f"{value:.0f}" if 100 <= value < 9999.5 else f"{value:.2g}".replace("e+", "e")


def is_real(dtype: str) -> bool:
    """Whether a dtype is one of real numbers."""
    return dtype in DTYPES and not dtype.startswith("complex")
