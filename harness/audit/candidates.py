"""Arrays without a counterpart: what they may be, and the lines of a mapping file that would settle it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.audit.answer import Audit
from harness.audit.layout import constant, layouts, likely, same
from harness.audit.mapping import Link, likeness
from harness.audit.mapping_file import as_line
from harness.audit.sides import SideLeaf
from harness.audit.state import SIDES, State

#: Names in a sentence, lines for a mapping file.
_NAMES, _LINES = 3, 24


def unmatched(state: State) -> dict[str, tuple[str, ...]]:
    """By side, what must have a counterpart and has none.

    What is differentiated, and constants (indices, masks, statistics) where the other side lacks one of that size too.
    """
    names = {"torch": state.matching.torch_only, "jax": state.matching.jax_only}
    leaves = {side: {x.name: x for x in state.loaded[side].leaves if x.array is not None} for side in SIDES}
    quiet: dict[str, list[SideLeaf]] = {
        side: [leaves[side][n] for n in names[side] if n in leaves[side] and not leaves[side][n].differentiate]
        for side in SIDES
    }
    sizes = {side: {(x.array.size, x.array.dtype.kind) for x in quiet[side] if x.array is not None} for side in SIDES}
    both = sizes["torch"] & sizes["jax"]
    out = {}
    for side in SIDES:
        told = {x.name for x in quiet[side] if x.array is not None and (x.array.size, x.array.dtype.kind) in both}
        silent = {x.name for x in quiet[side]} - told
        # the rest of a leaf that was cut is no leaf, and counts
        out[side] = tuple(n for n in names[side] if n not in silent and not _frozen_rest(state, side, n))
    return out


def _frozen_rest(state: State, side: str, name: str) -> bool:
    """Whether what is left of a leaf is of one that is not differentiated."""
    if any(x.name == name for x in state.loaded[side].leaves):
        return False
    leaf = name.partition("[")[0].partition(" (")[0]
    return not any(x.differentiate and x.name.partition("[")[0] == leaf for x in state.loaded[side].leaves)


def answered(state: State, audit: Audit, open_: Mapping[str, tuple[str, ...]]) -> Audit:
    """The audit that says what has no counterpart, what it may be, and how to say so."""
    sentences: list[str] = []
    lines: list[str] = []
    leaves = {side: {x.name: x for x in state.loaded[side].leaves if x.array is not None} for side in SIDES}
    used: set[str] = set()
    for name in open_["torch"]:
        if name in leaves["torch"]:
            said, line = _torch(leaves["torch"][name], leaves["jax"], open_["jax"], state.matching.links, used)
            sentences += said
            lines += line
    for name in open_["jax"]:
        if name in leaves["jax"] and name not in used:
            sentences += _jax(leaves["jax"][name], leaves["torch"])
    return replace(
        audit, unmatched_torch=open_["torch"], unmatched_jax=open_["jax"],
        candidates=tuple(sentences[:_LINES]), to_map=tuple(lines[:_LINES]),
    )


def _torch(a: SideLeaf, jax: Mapping[str, SideLeaf], open_: Iterable[str], links: Sequence[Link], used: set[str]
           ) -> tuple[list[str], list[str]]:
    assert a.array is not None
    twin = _equal_ones(a, [x for x in jax.values() if x.name in {y.jax for y in links}])
    free = [jax[n] for n in open_ if n in jax]
    by_value = _equal_ones(a, free)
    by_shape = [b for b in free if b not in by_value and b.array is not None
                and next(layouts(a.array.shape, b.array.shape), None) is not None]
    ranked = sorted(by_value, key=lambda b: -likeness(a, b)) + sorted(by_shape, key=lambda b: -likeness(a, b))
    said = []
    if ranked:
        why = "the same numbers" if ranked[0] in by_value else "the same shape, other numbers"
        said.append(f"{a.name} may be {_some(b.name for b in ranked)} ({why}).")
    elif twin:
        taken = next(y for y in links if y.jax == twin[0].name)
        said.append(
            f"{a.name} holds the numbers of {twin[0].name}, which is already {taken.torch} (tied on one side?)."
        )
    else:
        said.append(f"{a.name} {list(a.array.shape)}: nothing of JAX's that is left has its numbers or its size.")
    lines = []
    best = next((b for b in ranked if b.name not in used), None)
    if best is not None and best.array is not None:
        layout = same(a.array, best.array) or likely(a.array, best.array, a.name, best.name)
        if layout is not None:
            used.add(best.name)
            lines.append(as_line(a.name, best.name, layout))
    return said, lines


def _jax(b: SideLeaf, torch: Mapping[str, SideLeaf]) -> list[str]:
    assert b.array is not None
    twin = [a for a in torch.values() if _equal_ones(a, [b])]
    if twin:
        return [f"{b.name} holds the numbers of torch's {_some(a.name for a in twin)} (tied there?)."]
    return [f"{b.name} {list(b.array.shape)}: nothing of torch's that is left has its numbers or its size."]


def _equal_ones(a: SideLeaf, others: Iterable[SideLeaf]) -> list[SideLeaf]:
    if a.array is None:
        return []
    return [b for b in others if b.array is not None and b.array.size == a.array.size
            and b.array.dtype.kind == a.array.dtype.kind and same(a.array, b.array) is not None]


def elsewhere(state: State, differing: Sequence[Link]) -> str:
    """Where the numbers of arrays that go by one name are to be found on the other side, as lines for --map."""
    lines = []
    right = [x for x in state.loaded["jax"].leaves if x.array is not None]
    for link in differing:
        array = state.array("torch", link.torch)
        if constant(array):
            continue
        found = [b for b in _equal_ones(SideLeaf(link.torch, "", True, array), right) if b.name != link.jax]
        if found and found[0].array is not None:
            layout = same(array, found[0].array)
            assert layout is not None
            lines.append(as_line(link.torch, found[0].name, layout))
    if not lines:
        return ""
    return "; by their numbers these belong together, as lines for --map:\n" + "\n".join(
        f"    {line}" for line in lines[:_LINES])


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return " or ".join(every[:_NAMES]) + (f" (or one of {len(every) - _NAMES} more)" if len(every) > _NAMES else "")
