"""Every way in which an audit can end without an answer."""

from __future__ import annotations

from harness.model import HarnessError


class AuditError(HarnessError):
    """What was asked cannot be audited: a file, a name, an option or a mapping is wrong; the message says which."""


class SideFault(HarnessError):
    """One side could not be run; the text names the side and the fault.

    word: raised, structure, inputs, import, mutates, random, timeout, memory, died, absent.
    """

    exit_status = 3

    def __init__(self, side: str, word: str, sentence: str, detail: str = "", printed: str = "") -> None:
        super().__init__(f"{side}: {sentence}")
        self.side, self.word, self.sentence, self.detail, self.printed = side, word, sentence, detail, printed

    @property
    def lost(self) -> bool:
        """Whether the process answers nothing any more."""
        return self.word in ("timeout", "memory", "died")
