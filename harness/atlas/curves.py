"""Curves of a function of a real variable, and the words that every figure begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from harness.atlas.describe import percent, versions
from harness.atlas.survey import Survey, tally
from harness.pointwise.judge import UNKNOWN, Side
from harness.report.verdict_style import STYLES
from harness.verdicts import VERDICTS

Array = np.ndarray[Any, np.dtype[Any]]

NOT_KNOWN = "#D9DDE2"
AGREE = "#E3F3EE"  # the palette's colour of agreement, pale: most of a good picture has it
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

#: Errors below this many ulp are drawn there.
_FLOOR = 0.02


def plain(text: str, limit: int = 90) -> str:
    """Text in which no character starts a formula."""
    text = " ".join(text.split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return text.replace("\\", "\\\\").replace("$", r"\$")


def title(made: Survey) -> str:
    name, text = made.subject.name, made.subject.text
    return text if name in text or name == text else f"{name}:  {text}"


def subtitle(made: Survey) -> str:
    size = f"{made.points.size} samples" if made.subject.real else made.window.describe(made.points.shape[0])
    extra = f". {made.notes[0][0].upper()}{made.notes[0][1:]}" if made.notes else ""
    return f"{made.dtype}, {versions(made)}. {size}{extra}."


def curves(made: Survey) -> Figure:
    figure = Figure((9.2, 7.4))
    height = 7.4
    figure.text(0.018, 1 - 0.12 / height, plain(title(made)), fontsize=13, weight="bold", va="top")
    figure.text(0.018, 1 - 0.40 / height, plain(subtitle(made), 150), fontsize=8.2, color="#586370", va="top")
    grid = figure.add_gridspec(3, 1, left=0.075, right=0.985, top=0.89, bottom=0.12, height_ratios=[4, 4, 0.5],
                               hspace=0.26)
    top, middle, strip = (figure.add_subplot(grid[k]) for k in range(3))
    x = made.points
    if made.derivative.size:
        top.plot(x, _clipped(made.value.real), color="#1B2127", linewidth=1.4, label="f")
        top.plot(x, _clipped(made.derivative[:, 0, 0]), color=LINES[0], linewidth=1.4, linestyle=(0, (5, 2)),
                 label=f"f ′ ({plain(made.derived_from, 30)})")
        for k, side in enumerate(made.judged.sides):
            bad = _bad(side)
            if bad.any():
                top.plot(x[bad], _clipped(side.differential[bad, 0, 0]), "v^s"[k % 3], color=LINES[k + 1],
                         markersize=3, label=f"{plain(side.name, 24)} where it differs")
        top.legend(loc="best")
    top.set_title("Function and derivative")
    for k, side in enumerate(made.judged.sides):
        _error_curve(middle, x, side, LINES[k], ("o", "^", "s", "D")[k % 4])
    middle.set_title("Error of the derivative against the reference (largest of neighbouring samples)")
    middle.set_yscale("log")
    middle.set_ylim(_FLOOR / 1.6, max(10.0, middle.get_ylim()[1]))
    middle.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if 1e-3 <= y < 1e4 else f"1e{round(np.log10(y))}")
    middle.set_ylabel("ulp")
    if made.judged.sides and made.truth is not None:
        middle.legend(loc="best")
    _strip(strip, made)
    for axes in (top, middle, strip):
        axes.set_xlim(made.window.re)
        axes.tick_params(length=2.5, width=0.5, pad=2)
        if axes is not strip:
            axes.grid(color="#E6E9ED", linewidth=0.6)
    return figure


def _bad(side: Side) -> Array:
    fine = [VERDICTS.index(w) for w in ("agree", "precision", "branch", "choice")]
    return np.asarray((side.against != UNKNOWN) & ~np.isin(side.against, fine) & np.isfinite(
        side.differential[:, 0, 0]))


def _clipped(y: Array) -> Array:
    """Curves near poles must not flatten the rest: what lies far beyond the bulk is left out of the picture."""
    y = np.asarray(y, dtype=np.float64)
    finite = np.abs(y[np.isfinite(y)])
    if not finite.size:
        return y
    limit = 8 * max(float(np.quantile(finite, 0.9)), 1e-300)
    return np.where(np.abs(y) <= limit, y, np.nan)


def _error_curve(axes: Axes, x: Array, side: Side, colour: str, marker: str) -> None:
    if not np.isfinite(side.error).any() and not np.isinf(side.error).any():
        return
    group = max(1, x.size // 400)
    n = x.size // group * group
    error = side.error[:n].reshape(-1, group)
    known = ~np.isnan(error)
    worst = np.where(known, error, -1.0).max(axis=1)
    at = x[:n].reshape(-1, group).mean(axis=1)
    finite = (worst >= 0) & np.isfinite(worst)
    axes.plot(at[finite], np.maximum(worst[finite], _FLOOR), marker, color=colour, markersize=2.6, linestyle="none",
              alpha=0.8, label=plain(side.name, 40))
    lost = np.isinf(worst)
    if lost.any():
        axes.plot(at[lost], np.full(lost.sum(), 0.96), "x", color=colour, markersize=5, clip_on=False,
                  transform=axes.get_xaxis_transform(), label=f"{plain(side.name, 40)}: not finite")


def _strip(axes: Axes, made: Survey) -> None:
    axes.set_yticks([])
    axes.set_title("Side against side", fontsize=8.5)
    if len(made.judged.sides) < 2:
        names = made.judged.sides[0].name if made.judged.sides else "nobody"
        axes.text(0.5, 0.5, f"the same digits everywhere: {plain(names, 70)}", transform=axes.transAxes, ha="center",
                  va="center")
        return
    codes = made.judged.worst()
    shares = tally(codes)
    colours = {w: STYLES[w].colours.fill if STYLES[w].group != "agree" else AGREE for w, _ in shares}
    palette = ListedColormap([NOT_KNOWN, *(colours[w] for w, _ in shares)])
    rank = np.zeros(len(VERDICTS) + 1, int)
    for k, (word, _) in enumerate(shares):
        rank[VERDICTS.index(word)] = k + 1
    axes.imshow(rank[codes][None], aspect="auto", extent=(*made.window.re, 0, 1), cmap=palette, vmin=0,
                vmax=len(shares), interpolation="nearest")
    handles = [Patch(facecolor=colours[w], edgecolor="#444444", linewidth=0.5,
                     label=f"{STYLES[w].symbol} {w} {percent(s)}") for w, s in shares]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.7), ncols=6)
