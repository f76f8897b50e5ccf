"""The cases that could not show an error: what `harness lint` says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.coverage.blindness_survey import Sight, frameworks, sights
from harness.model import Case, CaseError

_HINT = (
    "give the function a factor such as (1+2j), or multiply it by its argument; add a point off the axes; "
    "or, where that is right, say why: `blind: ...`"
)


def blind_cases(cases: Sequence[Case], progress: Callable[[int, int], None] | None = None) -> list[CaseError]:
    """One problem for each case of which an error would go unseen at every point, and for each that wrongly says so.

    Cases whose functions are code of the user's own are judged where a framework can observe them.
    """
    found = sights(cases, progress)
    problems = []
    able = bool(frameworks())
    for case in cases:
        if not able and not found[case.id].source:
            continue  # a framework could tell, and none is installed: `unjudged` counts these
        problem = judged(case, found[case.id])
        if problem is not None:
            problems.append(problem)
    return problems


def unjudged(cases: Sequence[Case]) -> int:
    """How many cases only a framework could judge, where none is installed."""
    return 0 if frameworks() else sum(not sight.source for sight in sights(cases).values())


def judged(case: Case, sight: Sight) -> CaseError | None:
    """What is wrong with what a case can show; None where nothing is, or where nothing could tell."""
    if not sight.source:
        if case.blind:
            return None
        return CaseError(
            f"{case.id}: nothing can tell what its points show: neither the reference nor an installed framework "
            "returns a derivative",
            case.place, "add a `reference` text; or say why it has none: `blind: ...`")
    unseen = sight.unseen([i.name for i in case.inputs if i.differentiate])
    if unseen and not case.blind:
        words = "; ".join(f"{_said(code)} with respect to {name}" for name, code in unseen.items())
        return CaseError(f"{case.id} is blind: at no point would one see {words}", case.place, _HINT)
    if case.blind and not unseen:
        return CaseError(
            f"{case.id} says that it is blind, but its points show every error", case.place, "remove `blind`"
        )
    return None


_WORDS = {
    "sign": "a sign flip", "factor": "a factor of 2", "conjugation": "a conjugation",
    "conjugation-input": "a conjugated gradient", "conjugation-output": "a conjugated cotangent",
    "conjugation-both": "a conjugated derivative",
}


def _said(code: str) -> str:
    words = [_WORDS.get(word, word) for word in code.split("+")]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
