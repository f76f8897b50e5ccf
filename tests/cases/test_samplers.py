"""Every sampler does what its name says, the same way every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.cases.document import Table, parse
from harness.cases.draws import BITS, Draws, tidy
from harness.cases.sampling import REGISTRY, sample
from harness.model import KINDS, CaseError

Array = np.ndarray


def draw(
    name: str, kind: str = "complex", shape: tuple[int, ...] = (2, 5, 5), stream: int = 0, **parameters: object
) -> Array:
    keys = {"sample": name, "seed": 7, **parameters}
    node = parse("{" + ", ".join(f"{k}: {v}" for k, v in keys.items()) + "}", "test")
    assert isinstance(node, Table)
    return sample(node, kind, shape, "z", stream)


def ct(a: Array) -> Array:
    return np.conj(np.swapaxes(a, -1, -2))


def close(a: Array, b: Array) -> bool:
    return bool(np.allclose(a, b, rtol=0, atol=1e-12))


IDENTITY = np.eye(5)
PAIRS = [(s.name, kind) for s in REGISTRY.values() for kind in s.kinds]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_shape_kind_and_repeatability(name: str, kind: str) -> None:
    for shape in ((2, 4, 4), (1, 1), (0, 3, 3), (3, 0, 0)):
        a = draw(name, kind, shape)
        assert a.shape == shape
        assert np.all(np.isfinite(a))
        assert np.can_cast(a.dtype, KINDS[kind], "same_kind") or kind in ("integer", "boolean")
        assert draw(name, kind, shape).tobytes() == a.tobytes()


@pytest.mark.parametrize(("name", "kind"), [p for p in PAIRS if p[0] not in ("jordan",)])
def test_seed_and_stream_matter(name: str, kind: str) -> None:
    a = draw(name, kind, (3, 7, 7))
    assert not np.array_equal(a, draw(name, kind, (3, 7, 7), seed=8))
    assert not np.array_equal(a, draw(name, kind, (3, 7, 7), stream=1))


PROPERTIES: dict[str, Callable[[Array], object]] = {
    "hermitian": lambda a: np.array_equal(a, ct(a)),
    "skew-hermitian": lambda a: np.array_equal(a, -ct(a)),
    "symmetric": lambda a: np.array_equal(a, np.swapaxes(a, -1, -2)),
    "skew-symmetric": lambda a: np.array_equal(a, -np.swapaxes(a, -1, -2)),
    "positive-definite": lambda a: np.array_equal(a, ct(a)) and np.linalg.eigvalsh(a).min() > 0.4,
    "spd": lambda a: np.array_equal(a.imag, 0 * a.imag) and np.linalg.eigvalsh(a).min() > 0.4,
    "unitary": lambda a: close(ct(a) @ a, IDENTITY) and close(a @ ct(a), IDENTITY),
    "orthogonal": lambda a: close(np.swapaxes(a, -1, -2) @ a, IDENTITY) and not a.imag.any(),
    "triangular": lambda a: np.array_equal(a, np.tril(a)) and np.abs(np.einsum("bii->bi", a)).min() >= 0.5,
    "diagonal": lambda a: np.array_equal(a, a * IDENTITY) and np.einsum("bii->bi", a).all(),
    "low-rank": lambda a: np.linalg.matrix_rank(a).tolist() == [1, 1],
    "singular": lambda a: np.linalg.matrix_rank(a).tolist() == [4, 4],
    "well-conditioned": lambda a: close(np.linalg.svd(a)[1], np.linspace(2, 1, 5)),
    "ill-conditioned": lambda a: np.allclose(np.linalg.cond(a), 1e6, rtol=1e-5),
    "invertible": lambda a: np.linalg.cond(a).max() < 10,
    "normal-matrix": lambda a: close(a @ ct(a), ct(a) @ a) and not close(a, ct(a)),
    "repeated-eigenvalues": lambda a: (
        close(np.linalg.eigvalsh(a)[:, :4], 2.0) and np.linalg.eigvalsh(a)[:, 4].min() > 2
    ),
    "jordan": lambda a: (
        np.array_equal(np.einsum("bii->bi", a), np.ones((2, 5)))
        and np.linalg.matrix_rank(a - IDENTITY).tolist() == [4, 4]
    ),
    "nilpotent": lambda a: close(np.linalg.matrix_power(a, 5), 0) and a.any(),
    "projector": lambda a: close(a @ a, a) and np.array_equal(a, ct(a)) and close(np.trace(a, axis1=1, axis2=2), 1),
    "permutation-matrix": lambda a: (
        np.array_equal(a @ ct(a), np.broadcast_to(IDENTITY, a.shape)) and set(np.unique(a)) == {0, 1}
    ),
    "stochastic": lambda a: close(a.sum(-1), 1.0) and a.min() > 0,
    "toeplitz": lambda a: np.array_equal(a[:, 1:, 1:], a[:, :-1, :-1]),
    "circulant": lambda a: np.array_equal(np.roll(a[:, :-1], 1, axis=-1), a[:, 1:]),
    "uniform": lambda a: max(np.abs(a.real).max(), np.abs(a.imag).max()) <= 1,
    "positive": lambda a: a.real.min() >= 0.1 and a.real.max() <= 2 and not (a.imag.any() or np.signbit(a.imag).any()),
    "negative": lambda a: a.real.max() <= -0.1 and a.real.min() >= -2 and not np.signbit(a.imag).any(),
    "real-axis": lambda a: a.real.all() and not a.imag.any() and not np.signbit(a.imag).any(),
    "imaginary-axis": lambda a: a.imag.all() and not a.real.any() and not np.signbit(a.real).any(),
    "unit-circle": lambda a: np.abs(np.abs(a) - 1).max() < 4e-16,
    "unit-disc": lambda a: np.abs(a).max() < 1,
    "annulus": lambda a: np.abs(a).min() > 0.4999 and np.abs(a).max() < 2.0001,
    "log-uniform": lambda a: (
        np.abs(a).min() > 0.9e-3 and np.abs(a).max() < 1.1e3 and np.abs(a).max() / np.abs(a).min() > 100
    ),
    "right-half-plane": lambda a: a.real.min() >= 0.05,
    "left-half-plane": lambda a: a.real.max() <= -0.05,
    "upper-half-plane": lambda a: a.imag.min() >= 0.05 and a.real.min() < 0 < a.real.max(),
    "lower-half-plane": lambda a: a.imag.max() <= -0.05,
    "quadrant": lambda a: a.real.min() >= 0.05 and a.imag.min() >= 0.05,
    "sector": lambda a: np.abs(np.angle(a)).max() <= 0.7001,
    "integers": lambda a: np.array_equal(a, np.round(a)) and a.real.min() == -3 and a.imag.max() == 3,
    "signs": lambda a: set(np.unique(a)) == {1, -1, 1j, -1j},
    "distinct": lambda a: np.diff(np.sort(a.real.ravel())).min() >= 0.5,
    "ties": lambda a: len(np.unique(a.real)) == 2 and len(np.unique(a.imag)) == 2,
    "sparse": lambda a: 0 < np.count_nonzero(a) < a.size / 2,
    "normal": lambda a: a.real.std() > 0.5 and a.imag.std() > 0.5 and abs(a.mean()) < 0.5,
}
REAL_PROPERTIES: dict[str, Callable[[Array], object]] = {
    "sorted": lambda a: np.diff(a, axis=-1).min() >= 0.5,
    "probabilities": lambda a: close(a.sum(-1), 1.0) and a.min() > 0,
    "one-hot": lambda a: np.array_equal(a.sum(-1), np.ones((2, 5))) and set(np.unique(a)) == {0, 1},
    "stochastic": PROPERTIES.pop("stochastic"),
    "unitary": lambda a: close(np.swapaxes(a, -1, -2) @ a, IDENTITY),
    "unit-circle": lambda a: set(np.unique(a)) == {1, -1},
    "unit-disc": lambda a: np.abs(a).max() < 1 and a.min() < 0 < a.max(),
    "hermitian": lambda a: np.array_equal(a, np.swapaxes(a, -1, -2)),
    "skew-symmetric": lambda a: np.array_equal(a, -np.swapaxes(a, -1, -2)) and a.any(),
    "log-uniform": lambda a: np.abs(a).min() > 0.9e-3 and a.min() < 0 < a.max(),
    "positive": lambda a: a.min() >= 0.1,
    "low-rank": lambda a: np.linalg.matrix_rank(a).tolist() == [1, 1],
}


def test_every_sampler_has_a_property() -> None:
    others = {"permutation", "bernoulli"}  # their own tests below
    assert set(PROPERTIES) | set(REAL_PROPERTIES) | others == set(REGISTRY)


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(name: str) -> None:
    assert PROPERTIES[name](draw(name))


@pytest.mark.parametrize("name", REAL_PROPERTIES)
def test_real_property(name: str) -> None:
    assert REAL_PROPERTIES[name](draw(name, "real"))


def test_permutation_and_bernoulli() -> None:
    assert np.array_equal(np.sort(draw("permutation", "integer"), axis=-1), np.broadcast_to(np.arange(5), (2, 5, 5)))
    share = draw("bernoulli", "boolean", (1000,), probability=0.25).mean()
    assert 0.2 < share < 0.3


def test_parameters() -> None:
    assert np.array_equal(draw("triangular", side="upper"), np.triu(draw("triangular", side="upper")))
    assert np.array_equal(np.einsum("bii->bi", draw("triangular", diagonal="ones")), np.ones((2, 5)))
    assert np.linalg.matrix_rank(draw("low-rank", shape=(2, 5, 4), rank=3)).tolist() == [3, 3]
    assert np.linalg.matrix_rank(draw("low-rank", rank=3).astype(np.complex64)).tolist() == [3, 3]
    assert np.allclose(np.linalg.cond(draw("ill-conditioned", cond=1e3)), 1e3)
    for k, (re, im) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)], start=1):
        a = draw("quadrant", number=k)
        assert (a.real * re).min() > 0 and (a.imag * im).min() > 0
    angle = np.angle(draw("sector", low=1, high=2))
    assert angle.min() > 0.999 and angle.max() < 2.001
    assert draw("uniform", "real", (1000,), low=2, high=3).min() >= 2
    assert close(np.trace(draw("projector", rank=3), axis1=1, axis2=2), 3)


def test_rectangular_unitary_has_orthonormal_rows_or_columns() -> None:
    tall, wide = draw("unitary", shape=(5, 2)), draw("unitary", shape=(2, 5))
    assert close(ct(tall) @ tall, np.eye(2)) and close(wide @ ct(wide), np.eye(2))


def test_large_unitary_is_as_good_as_a_small_one() -> None:
    q = draw("unitary", shape=(200, 200))
    assert np.abs(ct(q) @ q - np.eye(200)).max() < 1e-14


def test_scale_and_shift() -> None:
    a, b = draw("normal"), draw("normal", scale="2j", shift="1-3j")
    assert np.array_equal(b, 2j * a + (1 - 3j))
    h = draw("hermitian", shift=10)
    assert np.array_equal(h, draw("hermitian") + 10 * IDENTITY)


@pytest.mark.parametrize(
    "name",
    [
        "normal",
        "uniform",
        "annulus",
        "log-uniform",
        "sector",
        "left-half-plane",
        "hermitian",
        "positive-definite",
        "low-rank",
        "repeated-eigenvalues",
        "distinct",
        "toeplitz",
    ],
)
def test_samples_are_the_same_in_single_precision(name: str) -> None:
    a = draw(name)
    assert np.array_equal(a.astype(np.complex64).astype(np.complex128), a)


def test_tidy_keeps_twenty_bits() -> None:
    x = np.array([1 / 3, -1e-200, 0.0, 1e300])
    y = tidy(x)
    assert np.all(np.abs(y - x) <= np.abs(x) * 2.0**-BITS)
    mantissa, _ = np.frexp(y)
    assert np.array_equal(mantissa * 2.0**BITS, np.round(mantissa * 2.0**BITS))
    assert not np.signbit(y[2])


def test_normal_distribution_has_the_right_moments() -> None:
    x = Draws([3]).normal((100_000,))
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01 and abs((x**4).mean() - 3) < 0.1


def test_uniform_numbers_are_those_of_the_published_generator() -> None:
    """PCG64 (O'Neill 2014, XSL-RR 128/64) stepped by hand from the seeded state; the top 20 of its 64 bits are used."""
    start = np.random.PCG64([7, 2]).state["state"]
    state, increment = start["state"], start["inc"]
    expected = []
    for _ in range(50):
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + increment) % 2**128
        folded, turn = (state >> 64) ^ (state % 2**64), state >> 122
        word = (folded >> turn | folded << (64 - turn)) % 2**64
        expected.append((word >> 44) / 2**20)
    assert Draws([7, 2]).unit((50,)).tolist() == expected


def test_integer_parameters_are_refused_for_scale() -> None:
    with pytest.raises(CaseError, match="scale cannot be 2 for a integer input"):
        draw("integers", "integer", scale=2)
