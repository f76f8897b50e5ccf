"""Closed forms of derivatives, as cases state them, evaluated in arbitrary precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flint import acb

from harness.formats import DOUBLE, Format
from harness.model import CaseError, Derivative, Input
from harness.reference.ball_arrays import Array
from harness.reference.function import Compiled, Problem
from harness.reference.precision import rounded, state, working

Floats = np.ndarray[Any, np.dtype[Any]]


def closed_form(
    derivative: Derivative, inputs: Sequence[Input], arrays: Mapping[str, Floats], function: Compiled, *, form: Format,
) -> Floats:
    """J of an elementwise function, (2m, 2n) in double precision, from df/dz and df/dz*.

    With A = df/dz and B = df/dz*: f_x = A + B and f_y = i (A - B). For a real input A is the ordinary derivative.
    Raises CaseError where the result has not as many elements as the input.
    """
    leaf = next((i for i in inputs if i.name == derivative.input), None)
    if leaf is None:
        raise CaseError(f"derivative: there is no input {derivative.input!r}")
    state.forget()
    state.form = form
    try:
        with working(600, ties=True):
            problem = Problem(function, arrays)
            output = problem.outputs({})[0]
            if output.size != int(np.prod(np.shape(arrays[leaf.name]), dtype=np.int64)):
                raise CaseError("derivative: a closed form is for an elementwise function", hint="one output element "
                                "for each element of the input")
            a = _values(derivative.dz, inputs, problem, output)
            b = _values(derivative.dzbar, inputs, problem, output)
    finally:
        state.form = DOUBLE
    n, is_complex = len(a), leaf.kind == "complex"
    f_x = [p + q for p, q in zip(a, b, strict=True)]
    blocks = [[np.diag([rounded(z.real) for z in f_x])], [np.diag([rounded(z.imag) for z in f_x])]]
    if is_complex:
        f_y = [acb(0, 1) * (p - q) for p, q in zip(a, b, strict=True)]
        blocks[0].append(np.diag([rounded(z.real) for z in f_y]))
        blocks[1].append(np.diag([rounded(z.imag) for z in f_y]))
    rows = blocks if output.kind == "c" else blocks[:1]
    return np.block(rows) if n else np.zeros((0, 0))


def _values(text: str, inputs: Sequence[Input], problem: Problem, output: Array) -> list[Any]:
    """The elements of a closed form, complex, broadcast to the output's shape."""
    (found,) = Compiled(text, inputs)(problem.leaves)
    whole = found.to_complex().structural(lambda d: np.broadcast_to(d, output.shape))
    return list(whole.data.ravel().tolist())
