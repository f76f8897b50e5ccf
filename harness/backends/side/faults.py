"""What is wrong with the user's code, in a sentence with the user's own line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Modules of these are not the user's lines when an error is located.
_NOT_THEIRS = ("/site-packages/", "/dist-packages/", "/lib/python")


class AuditFault(Exception):
    """The user's code, or what it was given, cannot be audited; the text is a sentence about the function.

    word: raised, structure, inputs, import, mutates, random. detail: further lines for whoever wants them.
    """

    def __init__(self, word: str, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.word, self.sentence, self.detail = word, sentence, detail


def guarded(work: Callable[[], Any], what: str = "the function") -> Any:
    """The result of `work`; whatever the user's code raises becomes an AuditFault with its own line."""
    try:
        return work()
    except (AuditFault, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = str(error)
        if "in-place operation" in text and "leaf" in text:
            where = _line(error)
            raise AuditFault("mutates", f"{what} changes an input in place{where}; work on a copy of it") from error
        raise located("raised", f"{what} raised", error) from error


def located(word: str, what: str, error: BaseException) -> AuditFault:
    """ "the function raised ValueError: ... (port.py:41, in loss: `x = y`)", with the whole traceback as detail."""
    text = " ".join(str(error).split())
    text = text[:300] + ("…" if len(text) > 300 else "")
    kind = type(error).__name__
    joiner = " " if what.endswith("raised") else ": "
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return AuditFault(word, f"{what}{joiner}{kind}{': ' + text if text else ''}{_line(error)}", detail[-8000:])


def _line(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = str(Path(__file__).resolve().parents[2])
    theirs = [f for f in frames if not any(n in f.filename for n in _NOT_THEIRS) and not f.filename.startswith(own)]
    theirs = [f for f in theirs if not f.filename.startswith("<")]
    if not theirs:
        return ""
    last = theirs[-1]
    source = f": `{last.line}`" if last.line else ""
    return f" ({Path(last.filename).name}:{last.lineno}, in {last.name}{source})"


def kind(value: Any) -> str:
    """What a value is, for a sentence: "None", "the string '0.25'", "a Net"."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
