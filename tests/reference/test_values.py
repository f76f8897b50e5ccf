"""Every portable function of the reference against NumPy and SciPy: values, and derivatives by differences of those."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from harness.expr import table
from harness.formats import DOUBLE
from harness.model import Input
from harness.reference.function import Compiled
from harness.reference.namespace import namespace
from harness.reference.singular import DOMAIN, GAUGE, SMOOTH
from harness.reference.solution import Solution, solve
from tests.expr.portable_values import CASES, INPUTS, Expected

KINDS = {"f": "real", "c": "complex", "i": "integer", "b": "boolean"}


def arrays_of(expected: Expected) -> dict[str, np.ndarray]:
    return {name: INPUTS[name] for name in inspect.signature(expected).parameters}


def solved(text: str, arrays: dict[str, np.ndarray], seconds: float = 60.0) -> Solution:
    inputs = [Input(name, KINDS[a.dtype.kind], a.shape) for name, a in arrays.items()]
    return solve(Compiled(text, inputs), arrays, form=DOUBLE, seconds=seconds)


def outputs_of(expected: Expected, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        out = expected(**arrays)
    return [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]


def test_every_function_is_there() -> None:
    assert set(namespace()) == set(table())


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_value(text: str, expected: Expected) -> None:
    arrays = arrays_of(expected)
    mine = solved(text, arrays, seconds=0.0)  # the values alone
    theirs = outputs_of(expected, arrays)
    assert len(mine.values) == len(theirs)
    for a, b in zip(mine.values, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def real_row(outputs: list[np.ndarray], kinds: tuple[str, ...]) -> np.ndarray:
    parts: list[np.ndarray] = []
    for o, kind in zip(outputs, kinds, strict=True):
        if kind in "rc":
            parts += [o.real.ravel(), o.imag.ravel()] if kind == "c" else [o.ravel()]
    return np.concatenate(parts) if parts else np.zeros(0)


def numeric(expected: Expected, arrays: dict[str, np.ndarray], kinds: tuple[str, ...]) -> np.ndarray:
    """Central differences of the NumPy function in double precision, Richardson-extrapolated once."""
    columns = []
    for name, a in arrays.items():
        if a.dtype.kind not in "fc":
            continue
        for unit in (1, 1j) if a.dtype.kind == "c" else (1,):
            for k in range(a.size):
                quotients = []
                for h in (2e-4, 1e-4):
                    rows = []
                    for sign in (1, -1):
                        moved = a.copy()
                        moved.reshape(-1)[k] += sign * h * unit
                        rows.append(real_row(outputs_of(expected, {**arrays, name: moved}), kinds))
                    quotients.append((rows[0] - rows[1]) / (2 * h))
                columns.append((4 * quotients[1] - quotients[0]) / 3)
    return np.array(columns).T


#: Their NumPy counterparts jump under a perturbation (an order or a phase that LAPACK chooses), or are not NumPy's.
NOT_COMPARED = ("eig(", "eigvals(", "svd(", "eigh(", "lu(", "qr(")


#: Each entry of a derivative costs decompositions in many digits: three rows show all that four do, at a quarter.
DECOMPOSITIONS = re.compile(r"svd|eig|nuc|ord=2|cond\(|\bsolve\(|cho_solve|sqrtm|pinv|qr\(c\)")


def smaller(array: np.ndarray) -> np.ndarray:
    """The leading corner of a matrix, square where it was."""
    if array.ndim != 2 or array.dtype.kind not in "fc":
        return array
    return array[:3, :3] if array.shape[0] == array.shape[1] else array[:2, :3]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_derivative(text: str, expected: Expected) -> None:
    arrays = arrays_of(expected)
    if DECOMPOSITIONS.search(text):
        arrays = {name: smaller(a) for name, a in arrays.items()}
    if sum(a.size * (1 + (a.dtype.kind == "c")) for a in arrays.values()) > 70 or text.startswith(NOT_COMPARED):
        pytest.skip("too large, or without a NumPy counterpart that is continuous")
    mine = solved(text, arrays)
    if mine.note:
        pytest.skip(mine.note)
    theirs = numeric(expected, arrays, mine.kinds)
    if not mine.j.size:
        return
    usable = np.isin(mine.kind, (SMOOTH, DOMAIN)) & np.isfinite(mine.j)
    nan_inputs = any(np.isnan(a).any() for a in arrays.values() if a.dtype.kind in "fc")
    assert usable.mean() > (0.5 if nan_inputs or (mine.kind == GAUGE).any() else 0.999)
    ours = np.where(usable, mine.j, 0.0)
    if mine.domain is not None:  # off the Hermitian matrices NumPy's functions are other conventions
        assert (mine.kind == DOMAIN).any()
        ours, theirs = ours @ mine.domain, np.where(usable, theirs, 0.0) @ mine.domain
    scale = np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs))
    difference = np.abs(np.where(usable & np.isfinite(theirs), ours - theirs, 0.0))
    assert difference.max() < 1e-6 * scale
    assert (mine.bound[usable] <= 1e-18 * np.maximum(np.abs(mine.j[usable]), 1e-8)).all()
