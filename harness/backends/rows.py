"""Observations from results and exceptions: statuses, scrubbed messages, names of outputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from harness.expr.calling import Wrong
from harness.model import Observation, Task
from harness.wirtinger import Array

MESSAGE_LENGTH = 2000

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_OBJECT_ID = re.compile(r"\b(id|at) ?= ?\d{6,}")
_ABSOLUTE_PATH = re.compile(r"(?<![\w./:])/(?:[\w.+@-]+/)+([\w.+@-]+)")

#: Types by which a framework declines what it was asked; every other type is an error.
_REFUSALS = (TypeError, ValueError, RuntimeError, NotImplementedError, IndexError)
#: Signs of a defect inside a framework, whatever the type of the exception.
_INTERNAL = ("INTERNAL ASSERT FAILED", "please report a bug", "report this as a bug", "This is a bug")
#: Types that are RuntimeErrors (or were, in some release) but not a considered refusal.
_NEVER_REFUSALS = ("OutOfMemoryError", "RecursionError", "UnexpectedTracerError")
#: Status words of XLA's runtime by which it declines a request, as opposed to failing at it.
_XLA_REFUSALS = ("UNIMPLEMENTED", "INVALID_ARGUMENT", "FAILED_PRECONDITION")

T = TypeVar("T")


class ResultRefused(Exception):
    """The harness itself declines on the framework's behalf (an integer output has no derivative); status refused."""


class Recalled(Exception):
    """What was raised when a kept program was traced, as `classify` put it then."""

    def __init__(self, status: str, kind: str, message: str) -> None:
        super().__init__(status, kind, message)
        self.said = (status, kind, message)


def scrub(text: str) -> str:
    """A message without what changes from run to run: memory addresses, folders, overlong tails."""
    text = _ADDRESS.sub("0x...", text)
    text = _OBJECT_ID.sub(r"\1=...", text)
    text = _ABSOLUTE_PATH.sub(r"\1", text).strip()
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 3] + "..."


def classify(error: BaseException) -> tuple[str, str, str]:
    """(status, exception type, scrubbed message) of what was raised while a framework or a case's function ran."""
    if isinstance(error, Recalled):
        return error.said
    kind = type(error).__name__
    try:
        text = str(error)
    except BaseException as second:  # a user's exception may fail to print itself
        text = f"(its message could not be made: {type(second).__name__})"
    if isinstance(error, ResultRefused):
        return "refused", "", scrub(text)
    if isinstance(error, Wrong):
        return "error", "", scrub(text)
    if not text:
        text = kind
    names = {t.__name__ for t in type(error).__mro__}
    refused = isinstance(error, _REFUSALS) and not any(mark in text for mark in _INTERNAL)
    if names & {"XlaRuntimeError", "JaxRuntimeError"}:
        refused = text.startswith(_XLA_REFUSALS)
    elif names & set(_NEVER_REFUSALS):
        refused = False
    return ("refused" if refused else "error"), kind, scrub(text)


def attempt(function: Callable[[], T]) -> tuple[T | None, BaseException | None, float]:
    """(result, None, seconds) or (None, what was raised, seconds).

    KeyboardInterrupt and SystemExit are caught as well: raised by a case's function they are a failure of that case,
    and a worker is stopped by a signal that does not become an exception.
    """
    begin = perf_counter()
    try:
        result = function()
    except BaseException as error:
        return None, error, perf_counter() - begin
    return result, None, perf_counter() - begin


class Rows:
    """Makes the observations of one task."""

    def __init__(self, task: Task) -> None:
        self._head: dict[str, Any] = {"case": task.case, "dtype": task.dtype, "backend": task.backend,
                                      "device": task.device, "mode": task.mode}

    def ok(
        self, point: str, api: str, quantity: str, input: str, output: str, data: Array, seconds: float = 0.0
    ) -> Observation:
        """A result; `data` is kept as it is, and must not share memory with anything that changes later."""
        return Observation(
            **self._head, point=point, api=api, quantity=quantity, input=input, output=output, status="ok", data=data,
            seconds=seconds,
        )

    def failed(
        self, point: str, api: str, quantity: str, input: str, output: str, error: BaseException, seconds: float = 0.0
    ) -> Observation:
        """A refusal or an error."""
        status, kind, message = classify(error)
        return self.plain(point, api, quantity, input, output, status, kind, message, seconds)

    def plain(
        self, point: str, api: str, quantity: str, input: str, output: str, status: str, error: str, message: str,
        seconds: float = 0.0,
    ) -> Observation:
        """A row without data."""
        return Observation(
            **self._head, point=point, api=api, quantity=quantity, input=input, output=output, status=status,
            error=error, message=message, seconds=seconds,
        )

    def value_failed(self, task: Task, point: str, error: BaseException, seconds: float = 0.0) -> list[Observation]:
        """The function itself failed: one value row per named output, or one with output "" where none is named."""
        return [self.failed(point, "", "value", "", name, error, seconds) for name in task.outputs or ("",)]


def unspelled(rows: Rows, task: Task, message: str) -> list[Observation]:
    """One row per point for a source that this backend cannot spell."""
    return [rows.plain(p.name, "", "value", "", "", "unsupported", "", scrub(message)) for p in task.points]
