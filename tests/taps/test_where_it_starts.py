"""The comparison of taps, on arrays made here."""

from __future__ import annotations

import numpy as np
import pytest

from harness.audit.taps import table, where_it_starts
from harness.comparison.arrays import relation, words
from harness.tapping import Tapped

Z = np.random.default_rng(0).standard_normal((3, 4)) + 1j * np.random.default_rng(1).standard_normal((3, 4))


@pytest.mark.parametrize(
    ("left", "right", "word", "axes"),
    [
        (Z, Z, "equal", ()),
        (Z, Z.T, "transposed", (1, 0)),
        (Z, Z.conj(), "conjugate", ()),
        (Z, Z.conj().T, "adjoint", (1, 0)),
        (Z, -Z, "negated", ()),
        (Z, -Z.conj(), "negated-conjugate", ()),
        (2 * Z, Z, "factor", ()),
        (2j * Z, Z, "complex-factor", ()),
        (Z, Z.real, "real-part", ()),
        (Z.imag, Z, "imag-part", ()),
        (Z, 0 * Z, "zero", ()),
        (np.abs(Z), np.abs(Z) ** 2, "square", ()),
        (Z, Z[:2], "shape", ()),
        (Z, Z + 0.1 * Z[::-1], "none", ()),
        (np.array(3.0), np.array(2.7), "none", ()),
        (np.array(3.0), np.array(1.5), "factor", ()),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), "equal", ()),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "none", ()),
        (Z, Z * (1 + 1e-9), "equal", ()),
        (Z, Z * (1 + 1e-6), "factor", ()),
        (Z.astype(np.complex64), Z, "equal", ()),
    ],
)
def test_relations(left: np.ndarray, right: np.ndarray, word: str, axes: tuple[int, ...]) -> None:
    found = relation(left, right)
    assert (found.word, found.axes) == (word, axes)
    assert words(found, "torch", "jax")


def test_factors_and_sides() -> None:
    assert relation(2 * Z, Z).factor == pytest.approx(2)
    assert relation(np.abs(Z), np.abs(Z) ** 2).side == "right"
    assert relation(Z, Z.real).side == "right" and relation(Z.real, Z).side == "left"


def taps(**pairs: tuple[np.ndarray, np.ndarray | None]) -> list[Tapped]:
    return [Tapped(n, v, g, "" if g is not None else "cut", g is not None) for n, (v, g) in pairs.items()]


def test_forward_and_backward_name_the_first_that_differs() -> None:
    left = taps(a=(Z, 2 * Z), b=(2 * Z, Z), c=(np.abs(Z), Z), d=(Z, Z))
    right = taps(a=(Z, Z), b=(2 * Z, 3 * Z), c=(np.abs(Z) ** 2, Z), d=(5 * Z, Z))
    start = where_it_starts(left, right)
    assert start is not None and (start.forward, start.backward) == ("c", "b")
    assert "square" in start.sentences[0] and "between `b`" in start.sentences[0]
    assert "between `b` and `c`" in start.sentences[1]
    assert not start.agrees and len(table(start)) == 4


def test_what_agrees_is_said_and_what_is_missing_named() -> None:
    left = taps(a=(Z, Z), only=(Z, Z), b=(Z, Z))
    right = taps(a=(Z, Z), b=(Z, Z), extra=(Z, Z))
    start = where_it_starts(left, right)
    assert start is not None and start.agrees
    assert [t.name for t in start.taps] == ["a", "only", "b", "extra"]
    assert "all 2 taps" in start.sentences[0]
    assert any("only torch has `only`" in s for s in start.sentences)
    assert any("only jax has `extra`" in s for s in start.sentences)
    assert where_it_starts([], []) is None


def test_another_layout_is_no_difference_and_its_gradient_follows_it() -> None:
    start = where_it_starts(taps(k=(Z, 3 * Z)), taps(k=(Z.T, 3 * Z.T)))
    assert start is not None and start.agrees and "axes" in start.taps[0].value_words
    start = where_it_starts(taps(k=(Z @ Z.T, Z @ Z.conj().T)), taps(k=(Z @ Z.T, (Z @ Z.conj().T).T)))
    assert start is not None and start.backward == "k"


def test_a_graph_that_was_cut_on_one_side_is_a_difference() -> None:
    left, right = taps(h=(Z, None)), taps(h=(Z, Z))
    start = where_it_starts(left, right)
    assert start is not None and start.backward == "h" and "cut off" in start.sentences[1]
    right[0].connected = False  # data on both sides: nobody's fault
    start = where_it_starts(left, right)
    assert start is not None and not start.backward and start.taps[0].gradient == "unknown"
