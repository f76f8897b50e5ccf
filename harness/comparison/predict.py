"""What a native API ought to return, predicted from the differential of its own backend; many pairs at once.

The same as `harness.wirtinger.expected_normal`, on stacked matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.comparison.value_kinds import Array
from harness.wirtinger import components, generic_vector

#: Kinds with a prediction, and whether their vector belongs to the output, to the input, or is not needed.
VECTOR_OF = {
    "gradient": "", "batched-gradient": "", "pullback": "output", "pushforward": "input", "jacobian-reverse": "",
    "jacobian-forward": "",
}


@lru_cache(maxsize=65536)
def vector_components(shape: tuple[int, ...], is_complex: bool, dtype: str, salt: str) -> Array:
    """Real parts, then imaginary parts of the generic vector that every backend used."""
    return components(generic_vector(shape, is_complex, dtype, salt)).astype(np.float64)


def salt(kind: str, case: str, name: str) -> str:
    """The salt under which backends draw the vector of an output (pullbacks) or an input (pushforwards)."""
    return f"{case}:{kind}:{name}"


def predicted(
    kind: str, j: Array, out_complex: bool, in_complex: bool, vectors: Sequence[Array] | None = None, *,
    absolute: bool = False,
) -> tuple[Array, bool]:
    """(normal forms as components (P, k), whether they are complex) from J as (P, 2m, 2n).

    vectors: for pullbacks and pushforwards, the components of each pair's vector.  absolute: the sum of the absolute
    values of the terms instead, for error bounds.
    """
    if absolute:
        j = np.abs(j)
    m, n = j.shape[1] // (1 + out_complex), j.shape[2] // (1 + in_complex)
    u, v = j[:, :m], j[:, m:]  # v is empty for a real output
    with np.errstate(all="ignore"):
        if kind in ("gradient", "batched-gradient"):
            row = u.sum(axis=1)
            if kind == "gradient":
                return row, in_complex
            parts = [row[:, :n], row[:, :n]] + ([row[:, n:], row[:, n:]] if in_complex else [])
            return np.concatenate(parts, axis=1), in_complex
        if kind == "jacobian-reverse":
            parts = [u[:, :, :n]] + ([u[:, :, n:]] if in_complex else [])
            return np.concatenate([p.reshape(p.shape[0], -1) for p in parts], axis=1), in_complex
        if kind == "jacobian-forward":
            parts = [u[:, :, :n]] + ([v[:, :, :n]] if out_complex else [])
            return np.concatenate([p.reshape(p.shape[0], -1) for p in parts], axis=1), out_complex
        assert vectors is not None
        weight = np.stack(list(vectors))
        if absolute:
            weight = np.abs(weight)
        if kind == "pullback":
            return np.einsum("pr,prc->pc", weight, j), in_complex
        return np.einsum("prc,pc->pr", j, weight), out_complex
