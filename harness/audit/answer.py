"""The answer of an audit as users hold it: the findings, and how they become a screen, plain data or a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.audit import render
from harness.audit.page import page
from harness.audit.result import Findings, ParameterRow

if TYPE_CHECKING:
    import pandas as pd


class Audit(Findings):
    """What an audit found. `text()` is the answer on one screen; `exit_status` as documented in docs/audit.md."""

    def text(self, size: int | None = None, colour: bool = False) -> str:
        """The answer for people, in lines of at most `size` characters."""
        return render.text(self, size, colour)

    def to_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        return render.plain(self)

    def html(self) -> str:
        """Both sources side by side as one self-contained page; of an audit that was asked for `lines`, or differs."""
        return page(self)

    def frame(self) -> pd.DataFrame:
        """One row a parameter, as pandas."""
        import pandas as pd

        names = list(ParameterRow.__dataclass_fields__)
        return pd.DataFrame([[getattr(r, n) for n in names] for r in self.rows], columns=names)
