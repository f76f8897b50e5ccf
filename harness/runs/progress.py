"""Progress on standard error: a bar on a terminal, a line now and then elsewhere. It says what is running."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import IO, Any

from harness.model import Task
from harness.runs.worker_slots import Event
from harness.untrusted import visible

_EVERY = 5.0  # seconds between lines where there is no terminal
_WORKERS = 4  # of which it is said what they do
_SHARE = 0.1  # or this share of the tasks, whichever comes first
_TROUBLE = ("error", "crash", "timeout")


class Progress:
    """Counts events and shows them. `stream` None shows nothing."""

    def __init__(self, stream: IO[str] | None = None, bar: bool = False) -> None:
        self.stream, self._bar = stream, bar
        self.statuses: Counter[str] = Counter()
        self._total = self._done = self._first = self._known = 0
        self._running: dict[int, tuple[str, float]] = {}
        self._began = self._spoke = time.monotonic()
        self._spoken = 0
        self._rich: Any = None
        self._task: Any = None

    @classmethod
    def silent(cls) -> Progress:
        """Shows nothing."""
        return cls(None)

    @classmethod
    def auto(cls, stream: IO[str] | None = None) -> Progress:
        """A bar where `stream` (default: standard error) is a terminal, lines elsewhere."""
        stream = stream or sys.stderr
        return cls(stream, bar=stream.isatty())

    def say(self, sentence: str) -> None:
        """A sentence between other things."""
        if self._rich is not None:
            self._rich.console.print(visible(sentence), markup=False, highlight=False)
        elif self.stream is not None:
            try:
                print(f"harness: {sentence}", file=self.stream, flush=True)
            except (OSError, ValueError):  # nobody reads any more: no reason to lose a run
                self.stream = None

    def begin(self, total: int, todo: int) -> None:
        """total: tasks of the plan; todo: those that are still to be done."""
        self._total, self._done, self._first = total, total - todo, total - todo
        self._began = self._spoke = time.monotonic()
        self._spoken = self._done
        if self._first:
            self.say(f"{self._first} of {total} tasks were done before and are not repeated")
        if self._bar and self.stream is not None:
            self._open_bar()

    def event(self, event: Event, task: Task | None) -> None:
        """Take note of an event and show it if it is time."""
        if event.kind == "start" and task is not None:
            what = f"{task.case} ({task.backend}, {task.dtype}{', known to crash' if task.deadly else ''})"
            self._running[event.number] = what, time.monotonic()
        elif event.kind == "rows":
            self.statuses.update(row[5] for row in event.header["rows"])
        elif event.kind == "death":
            self._running.pop(event.number, None)
            self.statuses[event.header["status"]] += 1
            self._known += task is not None and task.deadly
        elif event.kind == "log":  # its worker is gone: it waits, until another takes it up
            self._running.pop(event.number, None)
        elif event.kind == "done":
            self._running.pop(event.number, None)
            self._done += 1
        else:
            return
        self._show()

    def end(self) -> None:
        """Clear the bar, or say the last line."""
        if self._rich is not None:
            self._rich.stop()
            self._rich = None
        elif self.stream is not None and self._total and self._spoken != self._done:
            self._line()

    # -- showing

    def _show(self) -> None:
        if self._rich is not None:
            self._rich.update(
                self._task, completed=self._done, running=visible(self._what()), trouble=self._trouble(),
                left=self._left(),
            )
        elif self.stream is not None:
            late = time.monotonic() - self._spoke >= _EVERY
            if late or self._done - self._spoken >= max(1.0, _SHARE * self._total):
                self._line()

    def _line(self) -> None:
        self._spoke, self._spoken = time.monotonic(), self._done
        parts = [f"{self._done}/{self._total} tasks", self._trouble(), self._left(), self._what()]
        self.say(", ".join(part for part in parts if part))

    def _trouble(self) -> str:
        told = ", ".join(f"{self.statuses[s]} {s}" for s in _TROUBLE if self.statuses[s])
        return told + (f" ({self._known} known)" if self._known else "")

    def _left(self) -> str:
        """Time that remains, from the pace so far."""
        done = self._done - self._first
        if not done or self._done >= self._total:
            return ""
        seconds = (time.monotonic() - self._began) / done * (self._total - self._done)
        minutes, rest = divmod(round(seconds), 60)
        return f"about {minutes} min {rest:02d} s left" if minutes else f"about {rest} s left"

    def _what(self) -> str:
        """What every worker does, the one that has been at it for longest first."""
        now = time.monotonic()
        told = [
            f"{what}, {now - since:.0f} s" if now - since >= 5 else what
            for what, since in sorted(self._running.values(), key=lambda item: item[1])
        ]
        shown = "; ".join(told[:_WORKERS])
        return shown + (f"; and {len(told) - _WORKERS} more" if len(told) > _WORKERS else "")

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        def column(name: str, style: str = "") -> TextColumn:
            return TextColumn("{task.fields[" + name + "]}", style=style or "none", markup=False)

        self._rich = Bar(
            BarColumn(), MofNCompleteColumn(), column("left"), column("trouble", "red"), column("running", "dim"),
            # a bar moves the cursor, which a screen (harness.cli.screen) does not let through
            console=Console(file=getattr(self.stream, "raw_stream", self.stream)), transient=True,
        )
        self._task = self._rich.add_task("", total=self._total, completed=self._done, left="", trouble="", running="")
        self._rich.start()
