"""The end of one mistake in a value: a pair of steps that should be equal, and when two of them are one mistake."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from harness.audit.origins.layout import Layout
from harness.audit.origins.program import code
from harness.audit.origins.region import Scene
from harness.wirtinger import Array


@dataclass
class Cut:
    """The end of one mistake: steps of both sides that should be equal, with what is known around them.

    layout: torch's entries in JAX's array. proven: whether torch's value in JAX's place made the programs meet again.
    lacking: the side that has no such step at all ("jax": torch's step is missing there). said: what it is and what to
    write, where the search itself found out.
    """

    torch: Any
    jax: Any
    layout: Layout | None
    proven: bool
    at: Scene
    before: dict[int, Array]
    lacking: str = ""
    said: tuple[str, str] = ("", "")
    again: list[tuple[int, ...]] = field(default_factory=list)


def lacking(cut: Cut) -> tuple[str, str]:
    """What one side does and the other leaves out, and what to write."""
    if cut.lacking == "jax":
        return (f"torch's {cut.torch.op!r} is missing in JAX: with it in place the programs agree again",
                f"apply what torch's line does: {code(cut.torch)}")
    return (f"JAX's {cut.jax.op!r} is not there in torch: without it the programs agree again",
            f"leave it out on the JAX side: {code(cut.jax)}")


SIZES = ("from the same numbers the two sides compute arrays of another size here; with torch's value in place at the "
         "end of that the programs agree again", "")


def one(first: Cut, second: Cut) -> bool:
    """Whether two cuts are one mistake: what one torch line does is left out at one place and done at the next."""
    near = first.torch.file == second.torch.file and abs(first.torch.line - second.torch.line) <= 1
    return near and {first.lacking, second.lacking} == {"torch", "jax"} and second.jax.id in first.at.right.descendants(
        first.jax.id)


def joined(first: Cut, second: Cut) -> Cut:
    missing, extra = (first, second) if first.lacking == "jax" else (second, first)
    what = (f"torch's {missing.torch.op!r} and JAX's {extra.jax.op!r} come in another order: with torch's in its place "
            "and without JAX's the programs agree again")
    return replace(second, torch=missing.torch, jax=extra.jax, before=first.before,
                   said=(what, f"compute as torch's line does: {code(missing.torch)}"))


def lines(cut: Cut) -> tuple[Any, ...]:
    return cut.torch.file, cut.torch.line, cut.jax.file, cut.jax.line
