"""What a text is worth as each framework documents its names, where they document different functions under one."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from harness.formats import DOUBLE, Format
from harness.model import Input
from harness.reference.ball_arrays import Array
from harness.reference.dialects import TOLD
from harness.reference.function import Compiled, Problem
from harness.reference.precision import bounded, rounded, state, working

Floats = np.ndarray[Any, np.dtype[Any]]


@lru_cache(maxsize=4096)
def told(text: str) -> str:
    """What a text's names stand for, where frameworks document different functions under one of them; or ""."""
    try:
        names = {node.id for node in ast.walk(ast.parse(text.strip())) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(ast.parse(text.strip())) if isinstance(node, ast.Attribute)}
    except SyntaxError:
        return ""
    return "; ".join(sentence for name, sentence in TOLD.items() if name in names)


def own_values(
    text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], family: str, *, form: Format
) -> list[Floats] | None:
    """Components of every output of a portable text as a family documents its names; None where it has no value."""
    state.forget()
    state.form = form
    try:
        with bounded(), working(500, ties=True):
            problem = Problem(Compiled(text, inputs, family), arrays)
            flat = [_components(a) for a in problem.outputs({})]
    except Exception:  # a text that the reference cannot evaluate says nothing about anybody
        return None
    finally:
        state.forget()
        state.form = DOUBLE
    return [np.array([rounded(x) for x in parts]) for parts in flat]


def _components(a: Array) -> list[Any]:
    flat = a.balls().data.ravel().tolist() if a.kind in "rc" else []
    return [z.real for z in flat] + [z.imag for z in flat] if a.kind == "c" else flat
