"""The atlas: a function of one variable over a window of the complex plane (or the real line), as one picture.

`atlas` observes every backend's differential over the samples in a process of its own, evaluates the reference in
ball arithmetic, judges each sample, and draws. Needs Matplotlib (the extra `plot`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.formats import DTYPES, SINGLE
from harness.model import CaseError, HarnessError

if TYPE_CHECKING:
    from harness.atlas.survey import Survey
    from harness.atlas.window import Window


@dataclass(frozen=True)
class Atlas:
    """One picture and what it says. path: the PNG. caption, alt: in words. seconds: by stage, "total" among them.

    survey: the arrays behind it (None where the caller asked not to keep them). wrong: side -> share of the judged
    samples at which it is wrong, of those sides that are.
    """

    name: str
    path: Path
    caption: str
    alt: str
    seconds: dict[str, float] = field(default_factory=dict)
    survey: Survey | None = None
    wrong: dict[str, float] = field(default_factory=dict)

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


def atlas(
    function: str, *, window: Window | str | None = None, size: int = 512, backends: Sequence[str] | None = None,
    output: str | Path | None = None, dtype: str | None = None, reference: bool = True, real: bool = False,
    cases: Sequence[Any] = (), jobs: int = 2, axes: bool = True, budget: float = 10.0, modules: Sequence[str] = (),
    dpi: int = 100, keep: bool = False,
) -> Atlas:
    """Draw the atlas of one function.

    function: a case's id (of `cases`), a portable function's name, or a portable expression in one variable.
    window: a Window or its text (see Window.parse); default [-3, 3] squared. axes: whether samples lie on the axes.
    size: samples in each direction. dtype: complex128 (default) or complex64; float64, float32 for a real variable.
    backends: names (default: every installed one). reference: whether to evaluate it; budget: seconds it may take
    (a short one makes it coarser, and the figure says so).
    output: a .png file or a folder (default: NAME.png here). real: a function of a real variable; found out by
    itself where a case says so or nobody evaluates the function on complex numbers.
    keep: leave the arrays in the result. Raises CaseError for a function or window that makes no sense,
    MissingPlot where Matplotlib is not installed.
    """
    _need_matplotlib()
    from harness.atlas import describe
    from harness.atlas.draw import draw
    from harness.atlas.survey import fallback_to_real, survey
    from harness.atlas.window import Window
    from harness.pointwise import subject

    if not 8 <= size <= 4096:
        raise CaseError(f"a size of {size} samples makes no sense", None, "8 to 4096")
    words = [word for word, form in DTYPES.items() if not form.half]
    if dtype is not None and dtype not in words:
        raise CaseError(f"unknown dtype {dtype!r}", None, f"one of {', '.join(words)}")
    start = time.perf_counter()
    about = subject.find(function, cases, real=real or dtype in ("float32", "float64"))
    frame = window if isinstance(window, Window) else Window.parse(window, axes=axes)

    def look(at: subject.Subject) -> Survey:
        return survey(at, frame, size=size, dtype=_dtype(dtype, at.real), backends=backends, reference=reference,
                      jobs=jobs, budget=budget, modules=modules)

    made = look(about)
    instead = fallback_to_real(about, made)
    if instead is not None:
        made = look(instead)
        made.notes.append("of a real variable: no framework evaluates it on complex numbers")
    png = draw(made, dpi=dpi)
    path = _path(output, about.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
    except OSError as error:
        raise HarnessError(f"cannot write {path}: {error.strerror}") from error
    seconds = {**made.seconds, "total": time.perf_counter() - start}
    wrong = {s.name: made.wrong(s.against) for s in made.judged.sides if made.wrong(s.against)}
    return Atlas(about.name, path, describe.caption(made), describe.alt(made), seconds, made if keep else None, wrong)


class MissingPlot(HarnessError):
    """Matplotlib is not installed."""

    exit_status = 3


def _need_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise MissingPlot("an atlas needs Matplotlib: pip install 'wirtinger-harness[plot]'")


def _dtype(given: str | None, real: bool) -> str:
    """The dtype word that goes with the variable, at the precision asked for."""
    single = given is not None and DTYPES[given] == SINGLE
    if real:
        return "float32" if single else "float64"
    return "complex64" if single else "complex128"


def _path(output: str | Path | None, name: str) -> Path:
    safe = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name).strip("._")[:80] or "atlas"
    if output is None:
        return Path(f"{safe}.png")
    path = Path(output)
    return path if path.suffix.lower() == ".png" else path / f"{safe}.png"


__all__ = ["Atlas", "MissingPlot", "atlas"]
