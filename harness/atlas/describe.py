"""What a survey found, in sentences: for captions, for readers of a screen reader, for a terminal."""

from __future__ import annotations

import numpy as np

from harness.atlas.survey import Survey, tally
from harness.pointwise.judge import UNKNOWN, Side
from harness.report.verdict_style import STYLES
from harness.verdicts import VERDICT

_HARMLESS = ("agree", "precision", "branch", "choice")


def percent(share: float) -> str:
    """"50 %", "0.2 %", "< 0.1 %"; never "0 %" for something that is there, never "100 %" for something that is not."""
    if share <= 0:
        return "0 %"
    if share >= 1:
        return "100 %"
    if share < 0.001:
        return "< 0.1 %"
    if share > 0.999:
        return "> 99.9 %"
    return f"{100 * share:.3g} %"


def side_in_words(made: Survey, side: Side) -> str:
    """"jax: sign in 48.7 % of the window, all in the left half plane; median error 0.6 ulp where it is right"."""
    judged = side.against != UNKNOWN
    if not judged.any():
        return f"{side.name}: no reference to judge it by"
    wrong = [(word, share) for word, share in tally(side.against) if word not in (*_HARMLESS, "value")]
    parts = []
    if wrong:
        total = sum(share for _, share in wrong)
        words = ", ".join(f"{word} {percent(share)}" for word, share in wrong)
        parts.append(f"wrong in {percent(total)} of the window ({words}){_where(made, side)}")
    else:
        parts.append("right wherever the reference decides")
    different = made.share(side.against, "value")
    if different:
        parts.append(f"another value than the reference in {percent(different)}")
    fine = side.error[np.isin(side.against, [VERDICT["agree"], VERDICT["precision"]]) & np.isfinite(side.error)]
    if fine.size:
        parts.append(f"elsewhere median error {np.median(fine):.2g} ulp, worst {fine.max():.3g} ulp")
    return f"{side.name}: " + "; ".join(parts)


def _where(made: Survey, side: Side) -> str:
    """Where a side is wrong, if half planes or quadrants say it: by the mathematics of the window, not by name."""
    z = made.points.reshape(-1)
    fine = [VERDICT[w] for w in (*_HARMLESS, "value")]
    bad = (side.against != UNKNOWN) & ~np.isin(side.against, fine)
    halves = {
        "the left half plane": z.real < 0, "the right half plane": z.real > 0,
    }
    if np.iscomplexobj(z):
        halves |= {"the upper half plane": z.imag > 0, "the lower half plane": z.imag < 0}
    judged = side.against != UNKNOWN
    for name, inside in halves.items():
        within = inside & judged
        # "Nowhere else": not one wrong sample outside; the two lines on the axis belong to neither half.
        outside = bad & ~inside & (z.real != 0 if "left" in name or "right" in name else z.imag != 0)
        if bad.sum() >= 16 and not outside.any() and (bad & inside).sum() >= 0.02 * within.sum():
            rest = ", all of it" if (bad & inside).sum() >= 0.999 * within.sum() else ""
            word = name if np.iscomplexobj(z) else "x < 0" if "left" in name else "x > 0"
            return f", only in {word}{rest}"
    return ""


def caption(made: Survey) -> str:
    """A paragraph: function, versions, sampling, what each side does, where they disagree, features, limits."""
    parts = [f"{made.subject.text} at {made.dtype}, {versions(made)}."]
    if made.subject.real:
        parts.append(f"{made.points.size} samples of [{made.window.re[0]:g}, {made.window.re[1]:g}].")
    else:
        parts.append(made.window.describe(made.points.shape[0]) + ".")
    parts += [side_in_words(made, s) + "." for s in made.judged.sides]
    if len(made.judged.sides) > 1:
        words = [f"{word} {percent(share)}" for word, share in tally(made.judged.worst())]
        parts.append("Side against side: " + ", ".join(words) + ".")
    elif made.judged.sides and "," in made.judged.sides[0].name:
        parts.append(f"{made.judged.sides[0].name} return the same digits everywhere.")
    named = [(p, w) for p, w in made.features.singular]
    if named:
        told = ", ".join(f"{word} at {_point(p)}" for p, word in named[:6])
        parts.append(told[0].upper() + told[1:] + (f" and {len(named) - 6} more." if len(named) > 6 else "."))
    if made.features.cuts.size:
        parts.append("Branch cuts are drawn where the reference jumps." if made.features.confirmed
                     else "Lines are drawn where the values jump from sample to sample.")
    parts += [f"{name} does not answer: {' '.join(text.split())[:160]}." for name, text in made.judged.messages.items()]
    parts += [n[0].upper() + n[1:] + "." for n in made.notes]
    return " ".join(parts)


def versions(made: Survey) -> str:
    """"torch 2.13.0+cpu, jax 0.10.2": each framework once."""
    seen: dict[str, str] = {}
    for o in made.observed:
        for package, version in o.versions.items():
            if package != "jaxlib":
                seen.setdefault(package, version)
    return ", ".join(f"{p} {v}" for p, v in seen.items()) or "no framework answered"


def _point(p: complex) -> str:
    """"0", "1", "-0.5+1.57i": to four digits, as found to within a fraction of a pixel."""
    re, im = float(f"{p.real:.4g}"), float(f"{p.imag:.4g}")
    if abs(im) < 1e-3:
        return f"{re + 0.0:g}" if abs(re) >= 1e-3 else "0"
    return f"{im:g}i" if abs(re) < 1e-3 else f"{re:g}{im:+g}i"


def alt(made: Survey) -> str:
    """For those who do not see the picture: the same facts, shortly."""
    what = "Curves" if made.subject.real else "Maps of the complex plane"
    told = "; ".join(side_in_words(made, s) for s in made.judged.sides)
    words = ", ".join(f"{STYLES[w].meaning}: {percent(s)}" for w, s in tally(made.judged.worst())[:4])
    return f"{what} for {made.subject.name[:120]}. {told}." + (f" Side against side: {words}." if words else "")
