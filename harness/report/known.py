"""What is known of functions, as text for a terminal and as a pandas frame."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.recorded.functions import Defect, Known, Singular

if TYPE_CHECKING:
    import pandas as pd

#: Of every function: the two frameworks return different packings of one derivative (docs/mathematics.md).
CONVENTION = "of a real loss torch's .grad is the conjugate of jax.grad: write jnp.conj(jax.grad(f)(z))"

#: Kinds of singular places, and how a line about them begins.
SINGULAR = {"kink": "kink at", "cut": "branch cut or jump at", "pole": "no derivative at"}


def text(found: Sequence[Known], size: int = 80) -> str:
    """One block a function: spellings, then its recorded defects, ordinary points first; the convention once."""
    blocks = [_block(known, size) for known in found]
    return "\n\n".join([*blocks, "\n".join(_wrap(f"Convention: {CONVENTION}", size))])


def _wrap(words: str, size: int, initial_indent: str = "", subsequent_indent: str = "") -> list[str]:
    """Lines in which links and names stay whole."""
    return textwrap.wrap(words, size, initial_indent=initial_indent, subsequent_indent=subsequent_indent,
                         break_long_words=False, break_on_hyphens=False)


def _block(known: Known, size: int) -> str:
    spelled = " ~ ".join(cell for cell in (known.torch, known.jax) if cell) or "in neither framework"
    lines = _wrap(f"{known.name}   {spelled}", size, subsequent_indent="    ")
    if known.places:
        lines += _wrap("called at " + ", ".join(known.places), size, initial_indent="  ",
                               subsequent_indent="    ")
    if not known.defects:
        lines.append("  no recorded defect")
    for defect in known.defects:
        lines += _wrap(f"≠ {defect.framework}: {defect.sentence}", size, initial_indent="  ",
                               subsequent_indent="    ")
        lines += _wrap(_when(defect), size, initial_indent="    ", subsequent_indent="    ")
    for line in singular_places(known.singular):
        lines += _wrap(line, size, initial_indent="  ", subsequent_indent="    ")
    for text in dict.fromkeys(w.text for w in known.worst):
        told = "; ".join(f"{w.framework} {_ulp(w.value)}, its derivative {_ulp(w.derivative)}"
                         for w in known.worst if w.text == text)
        lines += _wrap(f"worst error of {text} over all doubles: {told}", size, initial_indent="  ",
                       subsequent_indent="    ")
    return "\n".join(lines)


def singular_places(found: Sequence[Singular]) -> list[str]:
    """A line for each kind of place where there is no derivative, or one on each side."""
    kinds = {kind: [s for s in found if s.kind == kind] for kind in SINGULAR}
    return [_where(SINGULAR[kind], places) for kind, places in kinds.items() if places]


def _where(words: str, found: Sequence[Singular]) -> str:
    """Places of one kind: "kink at z = 0; torch and jax differ there"."""
    apart = [_place(s) for s in found if s.between == "differ"]
    told = f"{words} {', '.join(_place(s) for s in found)}"
    if not apart:
        return told
    return f"{told}; torch and jax differ " + ("there" if len(apart) == len(found) else f"at {', '.join(apart)}")


def _place(singular: Singular) -> str:
    """Numbers of several inputs belong together."""
    return f"({singular.at})" if ", " in singular.at else singular.at


def _ulp(error: float) -> str:
    """An error that leaves no digit of 53 bits is no number that anybody could use."""
    return "somewhere not a digit right" if error >= 2.0**52 else f"{error:.2g} ulp"


def _when(defect: Defect) -> str:
    parts = ["at ordinary points" if defect.ordinary else "at extreme points"]
    if defect.since:
        parts.append(f"since {defect.since}")
    if defect.fixed:
        parts.append(f"right again in {defect.fixed}")
    if defect.link:
        parts.append(defect.link)
    return "; ".join(parts)


def frame(found: Sequence[Known]) -> pd.DataFrame:
    """One row a defect, and one with empty words for a function without: function, torch, jax, framework, ..."""
    import pandas as pd

    names = list(Defect.__dataclass_fields__)
    rows = [
        [known.name, known.torch, known.jax, *([getattr(d, n) for n in names] if d else [""] * len(names))]
        for known in found for d in (known.defects or (None,))
    ]
    return pd.DataFrame(rows, columns=["function", "torch", "jax", *names])
