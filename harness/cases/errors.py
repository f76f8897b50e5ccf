"""Collecting what is wrong, so that a person sees every problem of a file at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from types import TracebackType

from harness.model import CaseError, Place


class CaseErrors(CaseError):
    """Several problems at once. `errors` holds them; as text, one a line. Whoever catches CaseError catches this."""

    def __init__(self, errors: Sequence[CaseError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(e) for e in self.errors))


class Problems:
    """A list of CaseError in the making."""

    def __init__(self) -> None:
        self.found: list[CaseError] = []

    def add(self, problem: str, place: Place | None = None, hint: str = "") -> None:
        self.found.append(CaseError(problem, place, hint))

    def collect(self) -> _Collect:
        """Run the body of a `with`; a CaseError in it is kept and the work goes on after it."""
        return _Collect(self)

    def ordered(self) -> list[CaseError]:
        """By file, line and column, without repetitions (a wrong `defaults` would be met once a case)."""
        once = {str(e): e for e in self.found}

        def where(error: CaseError) -> tuple[str, int, int]:
            return (error.place.path, error.place.line, error.place.column) if error.place else ("", 0, 0)

        return sorted(once.values(), key=where)

    def finish(self) -> None:
        """Raise what was collected, if anything."""
        errors = self.ordered()
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise CaseErrors(errors)


class _Collect:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, CaseErrors):
            self.problems.found.extend(error.errors)
        elif isinstance(error, CaseError):
            self.problems.found.append(error)
        return isinstance(error, CaseError)


def suggestion(word: str, known: Iterable[str], *, listing: int = 12) -> str:
    """A hint for a word that is not known: the nearest one, or all of them where they are few."""
    options = list(known)
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    near = near or [option for option in options if len(word) > 2 and option.startswith(word)]
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(options[:listing]) + (", ..." if len(options) > listing else "")
    return f"one of: {shown}" if options else ""
