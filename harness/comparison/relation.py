"""How two raw results are related, before anybody's convention is removed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.comparison.batch import judge_batch, transposition
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, close
from harness.verdicts import RELATION


def relations(
    form: Form, left: Array, right: Array, tol: Tolerances, floor: Array | None = None,
    in_shape: Sequence[int] = (), out_shape: Sequence[int] = (),
) -> Array:
    """(P,) codes into RELATIONS for raw results in blocks (P, m, n, c).

    `equal` wins where several hold (a result without imaginary part is equal to its conjugate).
    """
    judged = judge_batch(form, left, right, tol, floor, whole=True)
    out = judged.relation
    for p in np.flatnonzero(out == RELATION["none"]):
        word, _ = turned(form, left[p : p + 1], right[p : p + 1], tol, in_shape, out_shape)
        if word:
            out[p] = RELATION[word]
    return out


def turned(
    form: Form, left: Array, right: Array, tol: Tolerances, in_shape: Sequence[int] = (), out_shape: Sequence[int] = ()
) -> tuple[str, str]:
    """("transposed" or "adjoint", a note) where one pair is equal after transposing; ("", "") otherwise.

    Tried: the last two axes of the input, those of the output, and input against output.
    """
    ways: list[tuple[str, Array]] = []
    # An array that is no Jacobian has its entries along m, whatever they stand for.
    columns = transposition(form, in_shape, "n" if form.matrix or form.n > 1 else "m")
    if columns is not None:
        swapped = right[:, :, columns] if form.matrix or form.n > 1 else right[:, columns]
        ways.append(("its input", swapped))
    rows = transposition(form, out_shape, "m")
    if rows is not None:
        ways.append(("its output", right[:, rows]))
    if form.m == form.n and form.m > 1 and form.out_complex == form.in_complex:
        across = right.transpose(0, 2, 1, 3)
        if form.matrix and form.out_complex:
            across = across[..., [0, 2, 1, 3]]
        ways.append(("the Jacobian", across))
    for what, other in ways:
        if close(left, other, tol.coarse, tol.tiny).all():
            return "transposed", f"left is right with {what} transposed"
        for words, signs in form.conjugations:
            if close(left, other * signs, tol.coarse, tol.tiny).all():
                spoken = f" {words}" if words else ""
                return "adjoint", f"left is right with {what} transposed and conjugated{spoken}"
    return "", ""
