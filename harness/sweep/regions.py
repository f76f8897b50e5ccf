"""Where a derivative or a value is lost, in words: "derivative 0 for |z| > 1.3e154: 24 % of all doubles".

Points at which a side is off by more than half of its digits are sorted by what it returned there; each kind is then
described by the half plane, quadrant or axis and the interval of |z|, |Re z|, |Im z| or of the distance from 1 or i
that holds most of them and little else. Shares are of floating-point numbers, as `points.Sampler.strata` spreads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.formats import Format
from harness.sweep.engine import Side, Swept
from harness.sweep.errors import bad_from, halves
from harness.sweep.points import modulus

Array = np.ndarray[Any, np.dtype[Any]]

KINDS = ("nan", "infinite", "zero", "sign", "conjugate", "wrong", "digits", "overflow")
_WORDS = {
    "nan": "NaN", "infinite": "infinite", "zero": "0", "sign": "of the wrong sign", "conjugate": "conjugated",
    "wrong": "wrong", "digits": "without half of its digits", "overflow": "NaN in place of an infinity",
}
_MOST = 3  # regions of one kind that are told apart
_PURE = 0.6  # share of the points of a region that are wrong, at least
NUMBERS = {"float64": "doubles", "float32": "singles", "float16": "float16 numbers", "bfloat16": "bfloat16 numbers"}


@dataclass(frozen=True)
class Region:
    """sides: "backend direction" of those that are wrong alike. quantity: "value" or "derivative". where: a condition
    in words, "" for everywhere. part: of what fulfils it, which is wrong. share: of all numbers of the format. worst,
    at: the largest error and its point. count: decided points of it."""

    sides: tuple[str, ...]
    quantity: str
    kind: str
    where: str
    part: float
    share: float
    worst: float
    at: complex
    count: int

    def sentence(self, form: Format) -> str:
        place = f" {self.where}" if self.where else " everywhere"
        if self.part < 0.99:
            which = place.replace(" for ", " with ", 1)
            place = f" in {min(99, max(1, round(100 * self.part)))} % of the points{which}"
        numbers = NUMBERS[form.name]
        share = f"{100 * self.share:.2g} % of all {numbers}" if self.share >= 0.001 else (
            f"less than 0.1 % of all {numbers}" if self.share > 0 else "single points")
        size = f", up to {self.worst:.2g} ulp" if self.kind == "digits" else ""
        return f"{self.quantity} {_WORDS[self.kind]}{place}: {share}{size}"


def regions(swept: Swept) -> list[Region]:
    """All of them, the largest share first."""
    found: dict[tuple[str, str, str], list[tuple[str, Region]]] = {}
    named: set[str] = set()
    for side in swept.sides:
        for quantity in ("value", "derivative"):
            if quantity == "value":
                if side.backend in named:
                    continue
                named.add(side.backend)
            name = side.backend if quantity == "value" else side.name
            for region in _of_side(swept, side, quantity, name):
                found.setdefault((quantity, region.kind, region.where), []).append((name, region))
    merged = []
    for members in found.values():
        _, first = max(members, key=lambda m: (m[1].worst, m[1].share))
        names = tuple(dict.fromkeys(n for n, _ in members))
        share = max(r.share for _, r in members)
        merged.append(Region(names, first.quantity, first.kind, first.where, first.part, share, first.worst, first.at,
                             max(r.count for _, r in members)))
    return sorted(merged, key=lambda r: (-r.share, KINDS.index(r.kind), -r.count))


def _of_side(swept: Swept, side: Side, quantity: str, name: str) -> list[Region]:
    if quantity == "derivative" and side.slope is None:
        return []
    kinds, error = classified(swept, side, quantity)
    out: list[Region] = []
    judged = ~np.isnan(error)
    for kind in KINDS:
        bad = judged & (kinds == KINDS.index(kind))
        tiny = bad & ~swept.normal
        if tiny.any():
            out += [_told(swept, name, quantity, kind, f"at subnormal {_variable(swept)}", 1.0, tiny, error)]
        bad &= swept.normal
        ruled = judged & swept.normal
        for _ in range(_MOST):
            if not bad.any():
                break
            where, inside, part = _described(swept, bad, ruled)
            if not (inside & bad).any():
                break
            out.append(_told(swept, name, quantity, kind, where, part, bad & inside, error))
            bad = bad & ~inside
    return out


def _told(
    swept: Swept, name: str, quantity: str, kind: str, where: str, part: float, mine: Array, error: Array
) -> Region:
    worst = np.flatnonzero(mine)[np.argmax(error[mine])]
    share = float((mine & swept.even).sum() / max(1, swept.even.sum()))
    return Region((name,), quantity, kind, where, part, share, float(error[worst]), complex(swept.points[worst]),
                  int(mine.sum()))


def classified(swept: Swept, side: Side, quantity: str) -> tuple[Array, Array]:
    """(N,) the number of a kind, -1 where nothing is wrong; (N,) errors."""
    form = swept.form
    if quantity == "value":
        error, mine, true = side.errors["value"], side.value, swept.exact.value
    else:
        pair = [side.errors[q] for q in ("dz", "dzbar") if q in side.errors]
        error = np.fmax.reduce(pair)
        assert side.slope is not None
        mine, true = side.slope, swept.exact.slope
        if true.shape[1] > mine.shape[1]:
            mine = np.concatenate([mine, np.zeros_like(mine)], axis=1)
        elif mine.shape[1] > true.shape[1]:
            true = np.concatenate([true, np.zeros_like(true)], axis=1)
        if mine.shape[2] == 2:
            with np.errstate(all="ignore"):
                mine = np.concatenate([mine.reshape(len(mine), -1), halves(mine)], axis=1)
                true = np.concatenate([true.reshape(len(true), -1), halves(true)], axis=1)
    mine, true = mine.reshape(len(mine), -1), true.reshape(len(true), -1)
    if true.shape[1] > mine.shape[1]:
        mine = np.concatenate([mine, np.zeros((len(mine), true.shape[1] - mine.shape[1]))], axis=1)
    mine = mine[:, : true.shape[1]]
    with np.errstate(all="ignore"):
        size = np.abs(true).max(axis=1)
        near = 1e-3 * size
        tests = [
            np.isnan(mine).any(axis=1), np.isinf(mine).any(axis=1), (mine == 0).all(axis=1),
            np.abs(mine + true).max(axis=1) <= near, _conjugated(mine, true, near),
            np.abs(mine - true).max(axis=1) > 1e-2 * size,
        ]
    kinds = np.select(tests, np.arange(len(tests)), KINDS.index("digits"))
    kinds[tests[0] & np.isinf(form.rounded(true)).any(axis=1)] = KINDS.index("overflow")
    return np.where(error > bad_from(form), kinds, -1), error


def _conjugated(mine: Array, true: Array, near: Array) -> Array:
    """Of a complex differential, (u_x, u_y, v_x, v_y, ...): whether d/dz and d/dz* are those of the conjugate."""
    if mine.shape[1] == 2:
        return np.asarray((np.abs(mine[:, 0] - true[:, 0]) <= near) & (np.abs(mine[:, 1] + true[:, 1]) <= near))
    if mine.shape[1] != 8:
        return np.zeros(len(mine), bool)
    turned = np.stack([true[:, 4], -true[:, 5], true[:, 6], -true[:, 7]], axis=1)
    return np.asarray(np.abs(mine[:, 4:] - turned).max(axis=1) <= near)


# -- words ---------------------------------------------------------------------------------------------------------


def _variable(swept: Swept) -> str:
    return swept.subject.argument


def _sectors(z: Array, name: str) -> list[tuple[str, Array]]:
    if not np.iscomplexobj(z):
        return [("", np.ones(z.size, bool)), (f"{name} < 0", z < 0), (f"{name} > 0", z > 0), (f"{name} = 0", z == 0)]
    x, y = z.real, z.imag
    ax, ay = np.abs(x), np.abs(y)
    halves_of = [(f"Re {name} < 0", x < 0), (f"Re {name} > 0", x > 0), (f"Im {name} > 0", y > 0),
                 (f"Im {name} < 0", y < 0)]
    quadrants = [(f"{a} and {b}", p & q) for a, p in halves_of[:2] for b, q in halves_of[2:]]
    axes = [("on the real axis", y == 0), ("on the imaginary axis", x == 0)]
    axes += [(f"on the real axis with {t}", (y == 0) & h) for t, h in halves_of[:2]]
    axes += [(f"on the imaginary axis with {t}", (x == 0) & h) for t, h in halves_of[2:]]
    near = [("next to the real axis", (ay < ax * 2.0**-20) & (y != 0)),
            ("next to the imaginary axis", (ax < ay * 2.0**-20) & (x != 0)),
            (f"at |Re {name}| = |Im {name}|", ax == ay), ("next to the diagonals", np.abs(ax - ay) < ax * 2.0**-20)]
    near += [(f"next to the real axis with {t}", near[0][1] & h) for t, h in halves_of]
    return [("", np.ones(z.size, bool)), *halves_of, *quadrants, *axes, *near]


def _radii(z: Array, name: str) -> list[tuple[str, Array]]:
    if not np.iscomplexobj(z):
        return [(f"|{name}|", np.abs(z)), (f"|{name} - 1|", np.where(np.abs(z - 1) < 0.5, np.abs(z - 1), np.nan)),
                (f"|{name} + 1|", np.where(np.abs(z + 1) < 0.5, np.abs(z + 1), np.nan))]
    out = [(f"|{name}|", modulus(z)), (f"|Re {name}|", np.abs(z.real)), (f"|Im {name}|", np.abs(z.imag))]
    for c, text in ((1, "- 1"), (-1, "+ 1"), (1j, "- i"), (-1j, "+ i")):
        distance = modulus(z - c)
        out.append((f"|{name} {text}|", np.where(distance < 0.5, distance, np.nan)))
    return out


def _described(swept: Swept, bad: Array, judged: Array) -> tuple[str, Array, float]:
    """The condition that holds most of the bad points and few others, the (N,) points it holds, and how many of those
    are bad. Points of the strata count, where there are enough of them: the others were chosen for being bad."""
    z, name = swept.points, _variable(swept)
    counted = judged & swept.even if (bad & swept.even).sum() >= 20 else judged
    with np.errstate(all="ignore"):
        radii = _radii(z, name)
        sectors = _sectors(z, name)
    best: tuple[float, str, Array, float] = (0.0, "", np.zeros(z.size, bool), 0.0)
    for order, (sector, within) in enumerate(sectors):
        if not (bad & within & counted).any():
            continue
        for k, (radius, r) in enumerate(radii):
            for low, high in _runs(r, bad & within & counted, counted & within):
                inside = within & (r >= low) & (r <= high)
                hits = (bad & inside & counted).sum()
                purity = float(hits / max(1, (counted & inside).sum()))
                if purity < _PURE:
                    continue
                score = hits / (bad & counted).sum() * purity - 0.005 * order - 0.03 * k
                if score > best[0]:
                    words, inside = _condition(sector, radius, r, (low, high), within, bad, counted & ~bad, judged)
                    best = (score, words, inside, purity)
    if best[0] > 0.05:
        return best[1:]
    size = modulus(z[bad])
    return f"at scattered {_variable(swept)} with |{name}| from {size.min():.2g} to {size.max():.2g}", bad, 1.0


def _runs(r: Array, bad: Array, judged: Array) -> list[tuple[float, float]]:
    """Intervals of r in which most of the judged points are bad, the one with the most of them first."""
    with np.errstate(all="ignore"):
        bins = np.where(r > 0, np.frexp(r)[1], -1100).astype(np.int64) + 1100
    some = judged & ~np.isnan(r)
    if not (some & bad).any():
        return []
    total, wrong = np.bincount(bins[some], minlength=2200), np.bincount(bins[some & bad], minlength=2200)
    state = np.where(total == 0, 0, np.where(wrong >= 0.4 * total, 1, -1))
    out: list[list[int]] = []
    for k in np.flatnonzero(state > 0).tolist():
        between = slice(out[-1][1] + 1, k) if out else slice(0, 0)
        # a few right points between many wrong ones do not end an interval
        few = out and total[between].sum() <= 0.05 * wrong[out[-1][0] : out[-1][1] + 1].sum()
        if out and (few or not (state[between] < 0).any()):
            out[-1][1] = k
        else:
            out.append([k, k])
    spans = []
    for a, b in sorted(out, key=lambda s: -wrong[s[0] : s[1] + 1].sum())[:3]:
        mine = r[some & bad & (bins >= a) & (bins <= b)]
        spans.append((float(mine.min()), float(mine.max())))
    return spans


def _condition(
    sector: str, radius: str, r: Array, span: tuple[float, float], within: Array, bad: Array, good: Array, judged: Array
) -> tuple[str, Array]:
    """In words, and the points that it holds. Bounds that nothing right lies beyond are left out; the others are made
    as sharp as all the points allow, those that were chosen included."""
    good = good & within
    low, high = span
    below, above = r[good & (r < low)], r[good & (r > high)]
    floor, ceiling = (below.max() if below.size else -np.inf), (above.min() if above.size else np.inf)
    mine = r[within & bad & (r > floor) & (r < ceiling)]
    low, high = float(mine.min()), float(mine.max())
    right = within & judged & ~bad
    parts = []
    if below.size and above.size:
        parts.append(f"{radius} from {low:.2g} to {high:.2g}" if low != high else f"{radius} = {low:.17g}")
    elif below.size:
        parts.append(f"{radius} > {_two(low, r[right & (r < low)].max(), False)}")
    elif above.size:
        parts.append(f"{radius} < {_two(high, r[right & (r > high)].min(), True)}")
    inside = within & (r >= low) & (r <= high)
    if sector.startswith(("on ", "next ", "at ")):
        return sector + (f" and {parts[0]}" if parts else ""), inside
    conditions = [*([sector] if sector else []), *parts]
    return "for " + " and ".join(conditions) if conditions else "", inside


def _two(bad: float, good: float, above: bool) -> str:
    """Between the last right number and the first wrong one, in as few digits as tell them apart, at least two."""
    for digits in (2, 3, 4):
        text = f"{bad:.{digits}g}"
        if (float(text) <= good) if above else (float(text) >= good):
            return text
    return f"{bad:.2g}"

