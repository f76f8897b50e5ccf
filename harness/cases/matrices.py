"""Samplers of matrices: the last two axes of the shape are the matrix, the others are a batch."""

from __future__ import annotations

import numpy as np

from harness.cases.draws import Array, Draws, Shape, adjoint, join, matmul, tidy, times
from harness.cases.samplers import Parameter, Parameters, sampler

#: Matrices that are the result of many products; larger ones belong in a file.
MAX_SIDE = 256


def _mirror(a: Array, conjugate: bool, sign: int) -> Array:
    """The lower triangle of a, mirrored: exactly (skew-)Hermitian or (skew-)symmetric."""
    strict = np.tril(np.ones(a.shape[-2:]), -1)
    lower = times(a, strict)
    upper = np.swapaxes(np.conj(lower) if conjugate else lower, -1, -2)
    diagonal = times(a, np.eye(a.shape[-1]))
    if conjugate and np.iscomplexobj(a):
        zero = np.zeros(a.shape)
        diagonal = join(diagonal.real, zero) if sign > 0 else join(zero, diagonal.imag)
    elif sign < 0:
        diagonal = np.zeros_like(diagonal)
    return lower + sign * upper + diagonal


def _sides(shape: Shape) -> tuple[Shape, int, int]:
    return shape[:-2], shape[-2], shape[-1]


@sampler("hermitian", "A equal to its conjugate transpose, exactly (a real input: symmetric)", axes=2, square=True)
def _hermitian(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _mirror(d.normal(shape, is_complex), True, 1)


@sampler("skew-hermitian", "A equal to minus its conjugate transpose, exactly", axes=2, square=True)
def _skew_hermitian(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _mirror(d.normal(shape, is_complex), True, -1)


@sampler("symmetric", "A equal to its transpose, exactly; complex symmetric for a complex input", axes=2, square=True)
def _symmetric(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _mirror(d.normal(shape, is_complex), False, 1)


@sampler("skew-symmetric", "A equal to minus its transpose, exactly", axes=2, square=True)
def _skew_symmetric(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _mirror(d.normal(shape, is_complex), False, -1)


@sampler(
    "positive-definite", "Hermitian (a real input: symmetric) positive definite: B B^H / n + 1/2", axes=2, square=True
)
def _positive_definite(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    b = d.normal(shape, is_complex)
    n = max(shape[-1], 1)
    product = tidy(times(matmul(b, adjoint(b)), np.asarray(1.0 / n)))
    return _mirror(product, True, 1) + 0.5 * np.eye(shape[-1])


@sampler("spd", "real symmetric positive definite, also in a complex input (imaginary parts +0)", axes=2, square=True)
def _spd(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    a = _positive_definite(d, shape, False, p)
    return join(a, np.zeros(shape)) if is_complex else a


@sampler("unitary", "orthonormal columns (rows where there are fewer), to rounding; a real input: orthogonal", axes=2)
def _unitary(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, m = _sides(shape)
    return d.orthonormal(lead, n, m, is_complex) if n >= m else adjoint(d.orthonormal(lead, m, n, is_complex))


@sampler("orthogonal", "as unitary but real, also in a complex input (imaginary parts +0)", axes=2)
def _orthogonal(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    q = _unitary(d, shape, False, p)
    return join(q, np.zeros(shape)) if is_complex else q


@sampler(
    "triangular", "triangular, well away from singular",
    Parameter("side", "word", "lower", "which triangle is filled", ("lower", "upper")),
    Parameter("diagonal", "word", "free", "ones, or free: of modulus at least 1/2", ("free", "ones")), axes=2,
)
def _triangular(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    a = d.normal(shape, is_complex)
    rows, columns = np.indices(shape[-2:])
    on = rows == columns
    if p["diagonal"] == "ones":
        a = np.where(on, np.ones_like(a), a)
    else:
        push = np.where(a.real < 0, -0.5, 0.5)
        a = np.where(on, a + push, a)
    keep = rows >= columns if p["side"] == "lower" else rows <= columns
    return np.where(keep, a, np.zeros_like(a))


@sampler("diagonal", "zero off the diagonal, which is normal", axes=2)
def _diagonal(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    a = d.normal(shape, is_complex)
    return np.where(np.eye(shape[-2], shape[-1]) > 0, a, np.zeros_like(a))


@sampler(
    "low-rank", "of exactly the given rank, in every precision (short binary fractions)",
    Parameter("rank", "integer", 1, "the rank", low=0, high=MAX_SIDE), axes=2,
)
def _low_rank(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, m = _sides(shape)
    return _exact_rank(d, lead, n, m, min(p["rank"], n, m), is_complex)


@sampler("singular", "square, of rank n - 1 exactly", axes=2, square=True)
def _singular(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, m = _sides(shape)
    return _exact_rank(d, lead, n, m, max(n - 1, 0), is_complex)


def _exact_rank(d: Draws, lead: Shape, n: int, m: int, rank: int, is_complex: bool) -> Array:
    """Two factors with ones on the diagonal and zeros above it have full rank; quarters multiply without rounding."""

    def factor(rows: int) -> Array:
        shape = (*lead, rows, rank)
        parts = [d.integers(shape, -4, 4) / 4 for _ in range(2 if is_complex else 1)]
        a = join(*parts) if is_complex else parts[0]
        r, c = np.indices(shape[-2:])
        return np.where(r > c, a, np.where(r == c, np.ones_like(a), np.zeros_like(a)))

    return matmul(factor(n), np.swapaxes(factor(m), -1, -2))


def _with_singular_values(d: Draws, shape: Shape, is_complex: bool, values: Array) -> Array:
    lead, n, m = _sides(shape)
    k = min(n, m)
    left, right = d.orthonormal(lead, n, k, is_complex), d.orthonormal(lead, m, k, is_complex)
    return matmul(times(left, values), adjoint(right))


@sampler("well-conditioned", "random singular vectors, singular values from 1 to 2", axes=2)
def _well(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _with_singular_values(d, shape, is_complex, np.linspace(2.0, 1.0, min(shape[-2:])))


@sampler(
    "ill-conditioned", "random singular vectors, singular values geometric from 1 down to 1/cond",
    Parameter("cond", "number", 1e6, "condition number", low=1.0, high=1e16), axes=2,
)
def _ill(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    k = min(shape[-2:])
    exponents = np.linspace(0.0, 1.0, k) if k > 1 else np.zeros(k)
    values = np.asarray([float(p["cond"]) ** -x for x in exponents])
    return _with_singular_values(d, shape, is_complex, tidy(values))


@sampler("invertible", "normal, plus 2n on the diagonal of an n by n matrix", axes=2, square=True)
def _invertible(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return tidy(d.normal(shape, is_complex) + 2.0 * shape[-1] * np.eye(shape[-1]))


@sampler("normal-matrix", "U D U^H with unitary U and complex D: commutes with its adjoint, to rounding",
         kinds=("complex",), axes=2, square=True)
def _normal_matrix(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, _ = _sides(shape)
    u = d.orthonormal(lead, n, n, True)
    return matmul(times(u, d.normal((*lead, 1, n), True)), adjoint(u))


@sampler("repeated-eigenvalues", "Hermitian 2 + v v^H: the eigenvalue 2 exactly n - 1 times", axes=2, square=True)
def _repeated(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, _ = _sides(shape)
    parts = [d.integers((*lead, n, 1), 1, 4) / 4 for _ in range(2 if is_complex else 1)]
    v = join(*parts) if is_complex else parts[0]
    return matmul(v, adjoint(v)) + 2.0 * np.eye(n)


@sampler(
    "jordan", "one Jordan block: a single eigenvalue with a single eigenvector",
    Parameter("eigenvalue", "number", 1.0, "the eigenvalue"), axes=2, square=True,
)
def _jordan(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    n = shape[-1]
    block = p["eigenvalue"] * np.eye(n) + np.eye(n, k=1)
    return np.broadcast_to(block, shape).astype(np.complex128 if is_complex else np.float64)


@sampler("nilpotent", "strictly upper triangular", axes=2, square=True)
def _nilpotent(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return np.triu(d.normal(shape, is_complex), 1)


@sampler("projector", "Hermitian and equal to its square, to rounding",
         Parameter("rank", "integer", 1, "the rank", low=0, high=MAX_SIDE), axes=2, square=True)
def _projector(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, _ = _sides(shape)
    q = d.orthonormal(lead, n, min(p["rank"], n), is_complex)
    return _mirror(matmul(q, adjoint(q)), True, 1)


@sampler("permutation-matrix", "one 1 in every row and column", axes=2, square=True)
def _permutation_matrix(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    ones = (d.order(shape[:-1])[..., None] == np.arange(shape[-1])).astype(np.float64)
    return join(ones, np.zeros(shape)) if is_complex else ones


@sampler("stochastic", "positive rows with sum 1, to rounding", kinds=("real",), axes=2)
def _stochastic(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    weights = d.uniform(shape, 0.1, 1.0)
    out: Array = weights / np.add.reduce(weights, axis=-1, keepdims=True)
    return out


@sampler("toeplitz", "constant along every diagonal", axes=2)
def _toeplitz(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, m = _sides(shape)
    rows, columns = np.indices((n, m))
    return d.normal((*lead, n + m), is_complex)[..., rows - columns + m]


@sampler("circulant", "every row is the one above it, moved by one", axes=2, square=True)
def _circulant(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    lead, n, _ = _sides(shape)
    rows, columns = np.indices((n, n))
    return d.normal((*lead, n), is_complex)[..., (columns - rows) % max(n, 1)]
