"""Statuses and messages."""

from __future__ import annotations

import pytest

from harness.backends.rows import MESSAGE_LENGTH, ResultRefused, attempt, classify, scrub
from harness.expr.calling import Wrong


class XlaRuntimeError(RuntimeError):
    """Named as XLA's."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TypeError("grad requires real inputs"), "refused"),
        (ValueError("bad value"), "refused"),
        (RuntimeError("not implemented for 'Half'"), "refused"),
        (NotImplementedError("no rule"), "refused"),
        (IndexError("Dimension out of range"), "refused"),
        (ResultRefused("an integer has no derivative"), "refused"),
        (RuntimeError('x INTERNAL ASSERT FAILED at "a.cpp":1, please report a bug to PyTorch.'), "error"),
        (AssertionError("nope"), "error"),
        (ZeroDivisionError("division"), "error"),
        (KeyError("w"), "error"),
        (RecursionError("too deep"), "error"),
        (MemoryError(), "error"),
        (KeyboardInterrupt(), "error"),
        (SystemExit(3), "error"),
        (OutOfMemoryError("CUDA out of memory"), "error"),
        (XlaRuntimeError("INTERNAL: it broke"), "error"),
        (XlaRuntimeError("UNIMPLEMENTED: no such lowering"), "refused"),
        (Wrong("the function returned no output at all"), "error"),
    ],
)
def test_status_of_an_exception(error: BaseException, status: str) -> None:
    assert classify(error)[0] == status


def test_the_type_of_the_exception_is_kept_and_an_empty_message_is_not_left_empty() -> None:
    assert classify(MemoryError()) == ("error", "MemoryError", "MemoryError")


def test_an_exception_that_cannot_print_itself_is_still_a_row() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise KeyError("no text")

    status, kind, message = classify(Rude())
    assert (status, kind) == ("error", "Rude")
    assert "KeyError" in message


def test_messages_lose_what_changes_from_run_to_run() -> None:
    first = "at 0x7f12ab34 in /home/me/venv/lib/python3.11/site-packages/torch/x.py:12"
    second = "at 0x55aa in /opt/other/lib/python3.11/site-packages/torch/x.py:12"
    assert scrub(first) == scrub(second) == "at 0x... in x.py:12"


def test_scrubbing_leaves_ordinary_text_alone() -> None:
    for text in ("a/b and c/d", "shape (2, 3) and/or (3,)", "float32[3]", "https://pytorch.org/docs/index.html"):
        assert scrub(text) == text


def test_long_messages_are_cut() -> None:
    assert len(scrub("x" * 10_000)) == MESSAGE_LENGTH


def test_attempt_catches_what_ends_a_program() -> None:
    def leave() -> None:
        raise SystemExit

    result, error, seconds = attempt(leave)
    assert result is None and isinstance(error, SystemExit) and seconds >= 0
