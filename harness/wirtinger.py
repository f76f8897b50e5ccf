"""The mathematics: the real differential J, conventions as signs, normal forms, the Wirtinger pair.

f : C^n -> C^m, z = x + iy, f = u + iv.  J = [[u_x, u_y], [v_x, v_y]], shape (2m, 2n), rows u then v, columns x then
y; a real output drops the v rows, a real input drops the y columns.  Everything here takes components; nothing
multiplies complex numbers, so a NaN stays in its entry and signed zeros survive.

Formulas: the table of pullbacks and pushforwards in docs/mathematics.md, after K. Kreutz-Delgado, "The Complex
Gradient Operator and the CR-Calculus" (arXiv:0906.4835).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from harness.formats import DTYPES

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Convention:
    """How a backend packs the differential, as the signs of imaginary parts.

    pullback:    vjp(1 * e_k) returns u_x + pullback * i * u_y
    cotangent:   vjp(i * e_k) returns cotangent * (v_x + pullback * i * v_y)
    pushforward: jvp(1 * e_k) returns u_x + pushforward * i * v_x
    tangent:     jvp(i * e_k) returns tangent * (u_y + pushforward * i * v_y)

    torch is (+1, +1, +1, +1), jax is (-1, -1, +1, +1).
    """

    pullback: int = 1
    cotangent: int = 1
    pushforward: int = 1
    tangent: int = 1


TORCH = Convention()
JAX = Convention(pullback=-1, cotangent=-1)


@dataclass(frozen=True)
class Api:
    """One native API of a backend: what it is called, what it answers, which sign its imaginary part carries.

    kind (what the normal form of the result is, with L = the loss of the case and c, t the generic vectors):
      "gradient"         L_x + i L_y                       shape of the input
      "pullback"         c -> (u_x p + v_x q) + i (u_y p + v_y q), c = p + iq      shape of the input
      "pushforward"      t -> (u_x a + u_y b) + i (v_x a + v_y b), t = a + ib      shape of the output
      "jacobian-reverse" u_x + i u_y                       shape output + input
      "jacobian-forward" u_x + i v_x                       shape output + input
      "batched-gradient" L_x + i L_y, twice                shape (2,) + input
      "hessian"          what the backend's own composition returns; judged raw only
      "hessian-vector"   likewise
    sign: the returned imaginary part is sign * that of the normal form.
    question: APIs of different backends with the same question are each other's counterparts.
    """

    name: str
    question: str
    kind: str
    sign: int = 1


def real_size(shape: Sequence[int], is_complex: bool) -> int:
    """Number of real components of an array: 2n or n."""
    n = prod(shape)
    return 2 * n if is_complex else n


def components(array: Array) -> Array:
    """An array as one row of real components, real parts first, then imaginary parts (where complex)."""
    flat = np.asarray(array).reshape(-1)
    if np.iscomplexobj(flat):
        return np.concatenate([flat.real, flat.imag])
    return flat


def from_components(row: Array, shape: Sequence[int], is_complex: bool) -> Array:
    """Inverse of `components`; the imaginary part is set by component, so signed zeros and NaN survive."""
    row = np.asarray(row)
    if not is_complex:
        return row.reshape(tuple(shape))
    half = row.size // 2
    out = np.empty(half, dtype=np.result_type(row.dtype, np.complex64))
    out.real, out.imag = row[:half], row[half:]
    return out.reshape(tuple(shape))


def signed(array: Array, sign: int) -> Array:
    """The array with its imaginary components multiplied by sign (+1 or -1); a real array is returned as it is."""
    array = np.asarray(array)
    if sign == 1 or not np.iscomplexobj(array):
        return array
    out = array.copy()
    out.imag = -array.imag
    return out


def basis(shape: Sequence[int], dtype: np.dtype[Any] | str, imaginary_sign: int = 1) -> Iterator[Array]:
    """Unit vectors: e_k for each component, then (for a complex dtype) imaginary_sign * i * e_k, in J's order."""
    dt = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    for unit in (1, imaginary_sign * 1j) if dt.kind == "c" else (1,):
        for k in range(n):
            e = np.zeros(n, dtype=dt)
            if unit == 1:
                e[k] = 1
            else:
                e.imag[k] = imaginary_sign  # by component: no -0.0 in the real part
            yield e.reshape(tuple(shape))


def _component_rows(arrays: Sequence[Array] | Array, sign: int) -> Array:
    """One row of real components per array; a stacked array is taken at once rather than item by item."""
    if not isinstance(arrays, np.ndarray):
        return np.stack([components(signed(a, sign)) for a in arrays])
    flat = signed(arrays, sign).reshape(len(arrays), -1)
    return np.concatenate([flat.real, flat.imag], axis=1) if np.iscomplexobj(flat) else flat


def differential_from_pullbacks(rows: Sequence[Array] | Array, convention: Convention, size: int) -> Array:
    """J from the results of pullbacks along `basis(output shape, output dtype, convention.cotangent)`.

    rows: one array (shape and dtype of the input's gradient) per cotangent, in a list or stacked. size: real
    components of the input; a gradient that came back real for a complex input is an error of the caller, not padded
    here.
    """
    if not len(rows):
        return np.zeros((0, size))
    out = _component_rows(rows, convention.pullback)
    if out.shape[1] != size:
        raise ValueError(f"a pullback returned {out.shape[1]} real components for an input with {size}")
    return out


def differential_from_pushforwards(columns: Sequence[Array] | Array, convention: Convention, size: int) -> Array:
    """J from the results of pushforwards along `basis(input shape, input dtype, convention.tangent)`."""
    if not len(columns):
        return np.zeros((size, 0))
    out = _component_rows(columns, convention.pushforward).T
    if out.shape[0] != size:
        raise ValueError(f"a pushforward returned {out.shape[0]} real components for an output with {size}")
    return out


def blocks(j: Array, out_complex: bool, in_complex: bool) -> tuple[Array, Array, Array, Array]:
    """(u_x, u_y, v_x, v_y), each (m, n); dropped rows or columns come back as zeros."""
    m = j.shape[0] // 2 if out_complex else j.shape[0]
    n = j.shape[1] // 2 if in_complex else j.shape[1]
    zero = np.zeros((m, n), dtype=j.dtype)
    return (
        j[:m, :n],
        j[:m, n:] if in_complex else zero,
        j[m:, :n] if out_complex else zero,
        j[m:, n:] if out_complex and in_complex else zero,
    )


def wirtinger_pair(j: Array, out_complex: bool, in_complex: bool) -> tuple[Array, Array]:
    """(df/dz, df/dz*), each complex (m, n).  For a real input both are half of df/dx.

    The one place where components are combined: for people to read, never for a verdict.
    """
    u_x, u_y, v_x, v_y = blocks(j, out_complex, in_complex)
    with np.errstate(all="ignore"):
        dz_re, dz_im = (u_x + v_y) / 2, (v_x - u_y) / 2
        db_re, db_im = (u_x - v_y) / 2, (v_x + u_y) / 2
    cdt = np.result_type(j.dtype, np.complex64)
    dz, db = np.empty(dz_re.shape, cdt), np.empty(dz_re.shape, cdt)
    dz.real, dz.imag, db.real, db.imag = dz_re, dz_im, db_re, db_im
    return dz, db


def expected_normal(
    kind: str, j: Array, in_shape: Sequence[int], out_shape: Sequence[int], in_complex: bool, out_complex: bool,
    vector: Array | None = None,
) -> Array | None:
    """The normal form that an API of this kind ought to return, predicted from the differential J.

    Real or complex as the API would return it: a gradient with respect to a real input is real. None where the kind
    has no prediction from first-order information, or for a gradient of a complex loss (row u is used then).
    """
    u_x, u_y, v_x, v_y = blocks(j, out_complex, in_complex)
    ins, outs = tuple(in_shape), tuple(out_shape)

    def pack(re: Array, im: Array | None, shape: tuple[int, ...]) -> Array:
        row = re.reshape(-1) if im is None else np.concatenate([re.reshape(-1), im.reshape(-1)])
        return from_components(row, shape, im is not None)

    with np.errstate(all="ignore"):
        if kind in ("gradient", "batched-gradient"):
            one = pack(u_x.sum(axis=0), u_y.sum(axis=0) if in_complex else None, ins)
            return one if kind == "gradient" else np.stack([one, one])
        if kind == "pullback":
            assert vector is not None
            p = np.real(vector).reshape(-1)
            q = np.imag(vector).reshape(-1) if out_complex else np.zeros_like(p)
            im = p @ u_y + q @ v_y if in_complex else None
            return pack(p @ u_x + q @ v_x, im, ins)
        if kind == "pushforward":
            assert vector is not None
            a = np.real(vector).reshape(-1)
            b = np.imag(vector).reshape(-1) if in_complex else np.zeros_like(a)
            im = v_x @ a + v_y @ b if out_complex else None
            return pack(u_x @ a + u_y @ b, im, outs)
        if kind == "jacobian-reverse":
            return pack(u_x, u_y if in_complex else None, outs + ins)
        if kind == "jacobian-forward":
            return pack(u_x, v_x if out_complex else None, outs + ins)
    return None


def below_double(dtype: np.dtype[Any]) -> bool:
    """Whether a floating-point or complex dtype has less precision than double; False of any other."""
    return dtype.kind in "fc" and dtype.itemsize // (1 + (dtype.kind == "c")) < 8


def generic_vector(shape: Sequence[int], is_complex: bool, dtype: str, salt: str) -> Array:
    """A cotangent or tangent without special structure, in multiples of 1/8 so that it is exact in every dtype.

    The same for the same salt on every platform and NumPy version: a 64-bit linear congruential sequence (Knuth's
    MMIX constants) seeded by the salt's CRC-32.  dtype: the case's dtype word.
    """
    n = real_size(shape, is_complex)
    state, out = crc32(salt.encode()) | 1 << 33, np.empty(n)
    for k in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[k] = ((state >> 40) % 31 - 15) / 8 or 0.625
    return from_components(out.astype(DTYPES[dtype].holder), shape, is_complex)
