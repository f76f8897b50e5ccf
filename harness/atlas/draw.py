"""Figures: the derivative by domain colouring, disagreement by verdict, error in ulp; curves on the real line.

Colour maps are perceptually uniform and readable with the common colour deficiencies: twilight (cyclic) for phases,
cividis for errors, the report's verdict colours, each with a symbol and a hatching, for verdicts.
"""

from __future__ import annotations

import io
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from harness.atlas.curves import AGREE, NOT_KNOWN, curves, plain, subtitle, title
from harness.atlas.describe import percent
from harness.atlas.survey import Survey, tally
from harness.pointwise.judge import Side
from harness.report.verdict_style import STYLES
from harness.verdicts import VERDICTS, severity

Array = np.ndarray[Any, np.dtype[Any]]

_HATCHES = ("", "////", "\\\\\\\\", "xxxx", "....", "----", "||||", "++++")
_NOT_FINITE = "#D55E00"
#: In steps, so that with four shades of each phase all colours of a figure fit in a palette of 256.
_PHASES, _ERRORS = colormaps["twilight"].resampled(40), colormaps["cividis"].resampled(64)

#: Half of the colours are for errors up to 1000 ulp, where rounding shows its structure.
_ULP_KNOTS = ((-1.0, 3.0, 16.0), (0.0, 0.5, 1.0))  # log10 of the error, place in the colour map
_TICKS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e6, 1e9, 1e12, 1e16)
_TICK_LABELS = ["0.1", "1", "10", "100", "10³", "10⁶", "10⁹", "10¹²", "10¹⁶"]
_STYLE = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8.5, "axes.titlesize": 9.5,
    "axes.titlelocation": "left", "axes.linewidth": 0.6, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
    "xtick.direction": "out", "ytick.direction": "out", "hatch.linewidth": 0.6, "text.parse_math": True,
    "legend.frameon": False, "legend.fontsize": 8,
}


def draw(made: Survey, *, dpi: int = 100) -> bytes:
    """The figure as PNG bytes with a palette of 256 colours."""
    with rc_context(_STYLE):
        figure = curves(made) if made.subject.real else _plane(made)
        FigureCanvasAgg(figure)
        raw = io.BytesIO()
        figure.savefig(raw, format="png", dpi=dpi, facecolor="white")
    return quantised(raw.getvalue())


def quantised(png: bytes) -> bytes:
    """The same picture with 256 colours: a third of the size or less, and no visible difference at this use."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
        out = io.BytesIO()
        small.save(out, format="png", optimize=True)
    return out.getvalue()


# ---- the complex plane ----------------------------------------------------------------------------------------------


def _plane(made: Survey) -> Figure:
    sides = made.judged.sides[:4]
    panels: list[Any] = []
    j = made.derivative
    if j.size:
        panels.append(("dz", None))
        if not made.holomorphic:
            panels.append(("dzbar", None))
    if len(made.judged.sides) > 1:
        panels.append(("verdict", None))
    if made.truth is not None:
        panels += [("error", s) for s in sides]
    columns = 2 if len(panels) in (1, 2, 4) else 3
    rows = max(1, -(-len(panels) // columns))
    # In inches: a cell is a square picture with room for its title, ticks and legend, and a colour bar beside it.
    picture, wide, high, head = 3.9, 4.86, 4.72, 0.74
    width, height = wide * columns, high * rows + head
    figure = Figure((width, height))
    figure.text(0.16 / width, 1 - 0.12 / height, plain(title(made)), fontsize=13, weight="bold", va="top")
    below = "\n".join(wrap(plain(subtitle(made), 400), int(14.5 * width)))
    figure.text(0.16 / width, 1 - 0.40 / height, below, fontsize=8.2, color="#586370", va="top", linespacing=1.35)
    for k, (what, side) in enumerate(panels):
        left, low = wide * (k % columns) + 0.38, height - head - high * (k // columns) - 0.3 - picture
        axes = figure.add_axes((left / width, low / height, picture / width, picture / height))
        beside = (left + picture + 0.08) / width, low / height, 0.11 / width, picture / height
        _frame(axes, made)
        if what in ("dz", "dzbar"):
            _domain(axes, made, what == "dz")
            _bar(figure, beside, _PHASES, (-1, 1), "arg", [-1, -0.5, 0, 0.5, 1], ["−π", "−π/2", "0", "π/2", "π"])
        elif what == "verdict":
            _verdicts(axes, made)
        else:
            _error(axes, made, side)
            _bar(figure, beside, _ERRORS, (0, 1), "ulp", _ulp_scale(np.array(_TICKS)).tolist(), _TICK_LABELS)
        _features(axes, made, label=k == 0)
    if not panels:
        figure.text(0.5, 0.4, "Nothing could be evaluated.", ha="center")
    return figure


def _bar(figure: Figure, where: tuple[float, float, float, float], palette: Colormap, ends: tuple[float, float],
         title: str, ticks: list[float], labels: list[str]) -> None:
    """A colour bar in a place of its own, so that all pictures are of one size."""
    axes = figure.add_axes(where)
    bar = figure.colorbar(ScalarMappable(Normalize(*ends), palette), cax=axes)
    bar.set_ticks(ticks, labels=labels)
    axes.set_title(title, fontsize=7.5, loc="left")
    axes.tick_params(length=2, width=0.5, labelsize=7)
    axes.set_frame_on(False)


def _frame(axes: Axes, made: Survey) -> None:
    axes.set_facecolor(NOT_KNOWN)
    axes.set_xlim(made.window.re)
    axes.set_ylim(made.window.im)
    axes.set_aspect("equal" if _squarish(made) else "auto")
    axes.tick_params(length=2.5, width=0.5, pad=2)


def _squarish(made: Survey) -> bool:
    ratio = (made.window.re[1] - made.window.re[0]) / (made.window.im[1] - made.window.im[0])
    return 0.5 <= ratio <= 2


def _thin(made: Survey, field: Array) -> Array:
    """The regular part of a field that is only known at every stride-th sample."""
    if made.stride <= 1 or made.derived_from != "reference":
        return field
    return field[::made.stride, ::made.stride]


def _show(axes: Axes, made: Survey, image: Array, **options: Any) -> Any:
    return axes.imshow(image, origin="lower", extent=made.window.extent, aspect=axes.get_aspect(),
                       interpolation="nearest", **options)


def _domain(axes: Axes, made: Survey, holomorphic: bool) -> None:
    """Hue: the direction of the derivative; every doubling of its size is a step of brightness."""
    j = made.derivative
    full = np.zeros((*j.shape[:2], 2, 2))
    full[:, :, : j.shape[2], : j.shape[3]] = j
    sign = -1 if holomorphic else 1
    d = np.empty(full.shape[:2], np.complex128)
    d.real = (full[..., 0, 0] - sign * full[..., 1, 1]) / 2
    d.imag = (full[..., 1, 0] + sign * full[..., 0, 1]) / 2
    _show(axes, made, domain_colours(_thin(made, d)))
    name = r"$\partial f/\partial z$" if holomorphic else r"$\partial f/\partial z^{*}$"
    note = r"; $\partial f/\partial z^{*}=0$: holomorphic" if made.holomorphic else ""
    axes.set_title(f"{name}{note} ({plain(made.derived_from, 30)})")


def domain_colours(d: Array) -> Array:
    """(ny, nx) complex -> (ny, nx, 4) RGBA; grey where not finite."""
    out = np.empty((*d.shape, 4))
    with np.errstate(all="ignore"):
        phase = np.angle(d)
        size = np.log2(np.abs(d)) + 0.3  # no step at a power of 2**(1/2), where many derivatives are constant
        out[...] = _PHASES((phase + np.pi) / (2 * np.pi))
        steep = np.maximum(*(np.abs(g) for g in np.gradient(np.where(np.isfinite(size), size, 0.0)))) if min(
            d.shape) > 1 else np.zeros(d.shape)
        # Where steps would be narrower than a few pixels they fade: moire says nothing.
        depth = 0.24 * np.clip(1.6 - 6 * steep, 0, 1)
        shade = 1 - np.round(depth * (1 - (size - np.floor(size))) / 0.08) * 0.08
    finite = np.isfinite(d.real) & np.isfinite(d.imag)
    shade = np.where(np.isfinite(shade), shade, 1.0)
    out[..., :3] *= shade[..., None]
    out[d == 0] = to_rgba("white")
    out[~finite] = to_rgba(NOT_KNOWN)
    return out


def _verdicts(axes: Axes, made: Survey) -> None:
    """Which verdict each pair of sides gets, the worst of all pairs at each sample."""
    codes = made.judged.worst().reshape(made.points.shape)
    shares = dict(tally(codes.reshape(-1)))
    present = sorted(shares, key=lambda w: -severity(w))
    image = np.full((*codes.shape, 4), to_rgba(NOT_KNOWN))
    used: dict[str, int] = {}
    handles = []
    ny, nx = codes.shape
    x = np.linspace(*made.window.re, nx, endpoint=False) + (made.window.re[1] - made.window.re[0]) / nx / 2
    y = np.linspace(*made.window.im, ny, endpoint=False) + (made.window.im[1] - made.window.im[0]) / ny / 2
    marks = []
    for word in present:
        style = STYLES[word]
        mask = codes == VERDICTS.index(word)
        # Within a group of the same colour, the hatching tells the verdicts apart.
        turn = used.get(style.group, 0)
        used[style.group] = turn + 1
        hatch = _HATCHES[turn % len(_HATCHES)] if style.group != "agree" else ""
        colour = (*to_rgba(style.colours.fill)[:3], 1.0) if style.group != "agree" else to_rgba(AGREE)
        image[mask] = colour
        if hatch and mask.mean() > 0.002:
            with rc_context({"hatch.color": "#3A1A00"}):
                axes.contourf(x, y, mask.astype(float), levels=[0.5, 1.5], hatches=[hatch], colors="none", zorder=3)
        handles.append(Patch(facecolor=colour, hatch=hatch, edgecolor="#444444", linewidth=0.5,
                             label=f"{style.symbol} {word} {percent(shares[word])}"))
        if mask.mean() > 0.01:
            marks.append((style, _middle(mask)))
    _show(axes, made, image, zorder=1)
    for style, (row, column) in marks:
        axes.text(x[column], y[row], style.symbol, fontsize=20, color="#1B2127", ha="center", va="center", zorder=6,
                  path_effects=[withStroke(linewidth=4, foreground="white")])
    names = " ↔ ".join(plain(s.name.split(",")[0], 24) for s in made.judged.sides)
    two = len(made.judged.sides) == 2
    axes.set_title(f"Where {names} disagree" if two else "Where they disagree (the worst of all pairs)")
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.045), ncols=min(3, len(handles)),
                handlelength=1.6, columnspacing=1.2, borderaxespad=0.2)


def _middle(mask: Array) -> tuple[int, int]:
    """A pixel deep inside a mask: the largest of a blurred copy."""
    ny, nx = mask.shape
    k = max(1, min(ny, nx) // 6)
    total = np.pad(mask.astype(float), ((k + 1, k), (k + 1, k))).cumsum(0).cumsum(1)
    blurred = (total[2 * k + 1 :, 2 * k + 1 :] - total[: -2 * k - 1, 2 * k + 1 :] - total[2 * k + 1 :, : -2 * k - 1]
               + total[: -2 * k - 1, : -2 * k - 1])
    row, column = np.unravel_index(int(np.argmax(np.where(mask, blurred, -1))), mask.shape)
    return int(row), int(column)


def _error(axes: Axes, made: Survey, side: Side) -> None:
    error = _thin_error(made, side.error.reshape(made.points.shape))
    image = _ERRORS(_ulp_scale(error))
    image[np.isnan(error)] = to_rgba(NOT_KNOWN)
    lost = np.isinf(error)
    image[lost] = to_rgba(_NOT_FINITE)
    _show(axes, made, image)
    handles = []
    if lost.any():
        share = percent(float(lost.mean()))
        handles.append(Patch(facecolor=_NOT_FINITE, label=f"∞ not finite where the reference is: {share}"))
    if np.isnan(error).mean() > 0.01:
        handles.append(Patch(facecolor=NOT_KNOWN, edgecolor="#8A939C", linewidth=0.5, label="no reference"))
    if handles:
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.045), ncols=2, borderaxespad=0.2)
    fine = side.error[np.isin(side.against, [VERDICTS.index("agree"), VERDICTS.index("precision")])]
    fine = fine[np.isfinite(fine)]
    wrong = made.wrong(side.against)
    what = f"wrong in {percent(wrong)}" if wrong else "right" if fine.size else "not judged"
    middle = f"{', else' if wrong else ','} median {np.median(fine):.2g} ulp" if fine.size and wrong < 0.5 else ""
    text = f"{plain(short(side.name), 36)}: {what}{middle}"
    size = 9.5 * min(1.0, (46 if wrong else 52) / len(text))  # as wide as the picture
    axes.set_title(text, weight="bold" if wrong else "normal", fontsize=size)


def _ulp_scale(error: Array) -> Array:
    """Errors in ulp -> [0, 1]: logarithmic, in two pieces (see _ULP_KNOTS)."""
    with np.errstate(all="ignore"):
        level = np.log10(np.maximum(np.where(np.isnan(error), 1.0, error), 0.1))
    return np.asarray(np.interp(level, *_ULP_KNOTS))


def short(name: str) -> str:
    """"a forward, b forward" as "a, b forward"."""
    parts = name.split(", ")
    if len(parts) > 1 and all(p.endswith(" forward") for p in parts):
        return ", ".join(p.removesuffix(" forward") for p in parts) + " forward"
    return name


def _thin_error(made: Survey, error: Array) -> Array:
    if made.stride <= 1:
        return error
    return error[::made.stride, ::made.stride]


def _features(axes: Axes, made: Survey, *, label: bool) -> None:
    """Cuts as a dashed line of dots, singular points as marks; named in the first panel."""
    white = [withStroke(linewidth=2.4, foreground="white")]
    cuts = made.features.cuts
    if cuts.size:
        axes.scatter(cuts.real, cuts.imag, s=3.2, c="white", linewidths=0, zorder=4)
        axes.scatter(cuts.real, cuts.imag, s=0.9, c="black", linewidths=0, zorder=5)
        if label:
            named = np.array([p for p, _ in made.features.singular] or [1e9])
            far = np.abs(cuts[:, None] - named[None]).min(axis=1)
            edge = np.minimum(*(np.minimum(part - low, high - part) for part, (low, high) in (
                (cuts.real, made.window.re), (cuts.imag, made.window.im))))
            at = cuts[int(np.argmax(np.minimum(far, 2 * edge)))]
            axes.annotate("branch cut" if made.features.confirmed else "jump", (at.real, at.imag), (0, -12),
                          textcoords="offset points", ha="center", fontsize=8, zorder=7,
                          path_effects=white)
    marks = {"pole": "x", "branch point": "o", "kink": "D", "singular point": "P"}
    for k, (point, word) in enumerate(made.features.singular):
        axes.plot(point.real, point.imag, marks[word], color="black", markersize=4.5, markerfacecolor="white",
                  markeredgewidth=1.2, zorder=6, path_effects=white)
        if label and k < 7:
            high = point.imag > made.window.im[1] - 0.12 * (made.window.im[1] - made.window.im[0])
            axes.annotate(word, (point.real, point.imag),
                          (5, -9 if high else 5), textcoords="offset points", fontsize=8, zorder=7,
                          path_effects=white, annotation_clip=True)
