"""Nothing wrong passes as a gauge, a choice or a branch: right derivatives, and mistakes planted in them.

The reference's facts are its own; the derivatives of factorisations are central differences of NumPy's, those at
kinks and on cuts are written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.comparison import compare_tables
from harness.formats import DOUBLE
from harness.model import Case, Input, Point
from harness.reference.function import Compiled
from harness.reference.solution import Solution, solve
from tests.comparison.build import Table, header

Floats = np.ndarray[Any, np.dtype[Any]]
_FACTS = ("j", "bound", "kind", "plus", "minus", "samples", "invariant")
_WORDS = {"j": "differential", "kind": "class", "samples": "clarke"}


def judged(text: str, array: Any, value: Any, sides: dict[str, Floats]) -> pd.DataFrame:
    """The differentials of `sides` (label of the case -> J) of one text at one point against the reference."""
    z = np.asarray(array)
    inputs = (Input("z", "complex" if np.iscomplexobj(z) else "real", z.shape),)
    dtype = "complex128" if np.iscomplexobj(z) else "float64"
    known: Solution = solve(Compiled(text, inputs), {"z": z}, form=DOUBLE)
    table, cases = Table(), []
    for label, j in sides.items():
        cases.append(Case(label, {"portable": text}, inputs, (Point("p", {"z": z}),), (dtype,)))
        table.add("jax", "value", value, case=label, dtype=dtype)
        table.add("jax", "differential", j, api="pullback", case=label, dtype=dtype)
        table.add("reference", "value", known.values[0], api="reference", case=label, dtype=dtype)
        for name in _FACTS:
            if (data := getattr(known, name)) is not None:
                table.add("reference", _WORDS.get(name, name), data, api="reference", case=label, dtype=dtype)
    frame = compare_tables([table.frame()], [header("jax", "reference")], [cases], "backend")
    plain = pd.DataFrame(frame)
    plain = plain[plain["quantity"] == "differential"].astype({"case": str})
    return plain.set_index("case")[["verdict", "culprit", "note"]].astype(str)


def real_matrix(f: Callable[[Any], Any], z: Floats) -> Floats:
    """J of a function by central differences: rows u then v, columns x then y."""
    h, columns = 1e-6, []
    for unit in (1.0, 1j)[: 1 + np.iscomplexobj(z)]:
        for k in range(z.size):
            step = np.zeros(z.size, z.dtype)
            step[k] = unit * h
            d = ((f(z + step.reshape(z.shape)) - f(z - step.reshape(z.shape))) / (2 * h)).reshape(-1)
            columns.append(np.concatenate([d.real, d.imag]) if np.iscomplexobj(z) else d)
    return np.stack(columns, axis=1)


def matrix(is_complex: bool, hermitian: bool) -> Floats:
    draw = np.random.default_rng(7)
    a = draw.normal(size=(3, 3)) + (1j * draw.normal(size=(3, 3)) if is_complex else 0)
    return a + a.conj().T if hermitian else a


#: text -> NumPy's own; the last two of Hermitian matrices, along which alone they are defined.
FACTORS: dict[str, Callable[[Any], Any]] = {
    "qr(z)[0]": lambda a: np.linalg.qr(a)[0], "qr(z)[1]": lambda a: np.linalg.qr(a)[1],
    "svd(z)[0]": lambda a: np.linalg.svd(a)[0], "svd(z)[2]": lambda a: np.linalg.svd(a)[2],
    "eigh((z + conj(z).T) / 2)[1]": lambda a: np.linalg.eigh((a + a.conj().T) / 2)[1],
}


def turned(j: Floats, f: Floats, angle: Floats) -> Floats:
    """J of exp(i angle) f at angle 0, where each number's angle grows by angle (m, columns)."""
    half, z = len(j) // 2, f.reshape(-1)[:, None]
    return np.concatenate([j[:half] - z.imag * angle, j[half:] + z.real * angle])


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("text", FACTORS)
def test_a_gauge_explains_a_sign_or_a_phase_of_a_vector_and_nothing_else(text: str, is_complex: bool) -> None:
    z, f = matrix(is_complex, "eigh" in text), FACTORS[text]
    value, j = f(z), real_matrix(f, z)
    row = j.copy()
    row[1] *= 1.5
    sides = {"right": j, "twice": 2 * j, "negated": -j, "zero": 0 * j, "one number": row}
    right = {"right"}
    if is_complex:
        draw = np.random.default_rng(3)
        lines = draw.normal(size=(3, 1, j.shape[1]))
        lines = lines if text in ("qr(z)[1]", "svd(z)[2]") else lines.transpose(1, 0, 2)
        by_vector = np.broadcast_to(lines, (3, 3, j.shape[1])).reshape(9, -1)
        sides["phases of vectors"] = turned(j, value, by_vector)
        sides["phases of numbers"] = turned(j, value, draw.normal(size=(9, j.shape[1])))
        sides["imaginary part lost"] = np.concatenate([j[:9], 0 * j[9:]])
        right.add("phases of vectors")
    found = judged(text, z, value, sides)
    assert set(found.index[found["culprit"] == ""]) == right, found.to_string()
    assert set(found.loc[sorted(right), "verdict"]) == {"gauge"}, found.to_string()


#: (text, point, right rows, wrong rows): at a tie the entries of a gradient of max sum to one.
KINKS: tuple[tuple[str, Any, list[Any], list[Any]], ...] = (
    ("abs(z)", 0.0, [[1.0], [0.0], [-0.5]], [[1.5], [-2.0], [np.nan]]),
    ("relu(z)", 0.0, [[0.0], [0.5], [1.0]], [[-0.25], [1.25], [np.inf]]),
    ("clip(z, -1, 1)", 1.0, [[1.0], [0.0], [0.5]], [[2.0], [-1.0]]),
    ("max(z)", [1.0, 1.0, 0.0], [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]],
     [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.6, 0.0]]),
    ("min(z)", [2.0, 1.0, 1.0], [[0.0, 0.3, 0.7]], [[0.0, 1.0, 1.0], [0.0, 0.5, 0.4], [0.2, 0.4, 0.4]]),
    ("maximum(z[0], z[1])", [0.5, 0.5], [[1.0, 0.0], [0.25, 0.75]], [[1.0, 1.0], [0.0, 0.0]]),
    ("2 * abs(z[0]) + z[1]", [0.0, 1.0], [[2.0, 1.0], [0.0, 1.0]], [[2.5, 1.0], [0.0, 0.0]]),
    ("sum(abs(z))", [0.0, 0.0, 1.0], [[1.0, -0.3, 1.0], [0.0, 0.0, 1.0]], [[1.0, 1.5, 1.0], [-1.25, 0.0, 1.0]]),
    ("max(z) + z[0]", [1.0, 1.0], [[2.0, 0.0], [1.5, 0.5]], [[2.0, 1.0], [1.0, 0.0]]),
)


@pytest.mark.parametrize(("text", "point", "right", "wrong"), KINKS)
def test_a_choice_lies_in_the_generalised_derivative(
    text: str, point: Any, right: list[Any], wrong: list[Any]
) -> None:
    z = np.asarray(point)
    names = {"abs": np.abs, "relu": lambda x: np.maximum(x, 0), "clip": np.clip, "max": np.max, "min": np.min,
             "maximum": np.maximum, "sum": np.sum, "z": z}
    value = eval(text, {"__builtins__": {}}, names)  # a text of the tests' own
    sides = {f"{kind} {k}": np.reshape(row, (1, -1)).astype(float)
             for kind, rows in (("right", right), ("wrong", wrong)) for k, row in enumerate(rows)}
    found = judged(text, z, np.float64(value), sides)
    assert (found["culprit"] == "jax").equals(found.index.to_series().str.startswith("wrong")), found.to_string()


#: On their cuts these have one derivative.
CUTS: dict[str, tuple[complex, Callable[[complex], complex], Callable[[complex], complex]]] = {
    "log(z)": (-1.5, lambda z: 1 / z, np.log), "log10(z)": (-1.5, lambda z: 1 / (z * np.log(10)), np.log10),
    "log2(z)": (-1.5, lambda z: 1 / (z * np.log(2)), np.log2), "arctan(z)": (2j, lambda z: 1 / (1 + z * z), np.arctan),
    "arctanh(z)": (2.0, lambda z: 1 / (1 - z * z), np.arctanh),
}


def block(c: complex) -> Floats:
    return np.array([[c.real, -c.imag], [c.imag, c.real]])


@pytest.mark.parametrize("text", CUTS)
def test_on_a_cut_with_one_derivative_another_is_wrong(text: str) -> None:
    z, derivative, function = CUTS[text]
    z = np.complex128(z)
    d = complex(derivative(z))
    sides = {"right": block(d), "negated": block(-d), "turned": block(1j * d), "half": block(d / 2)}
    found = judged(text, z, np.complex128(function(z)), sides)
    assert set(found.index[found["culprit"] == "jax"]) == {"negated", "turned", "half"}, found.to_string()


def test_on_a_cut_with_two_derivatives_each_is_a_branch_and_nothing_else() -> None:
    z = np.complex128(-1.5)
    up = complex(np.log(z) + 1)
    sides = {"up": block(up), "down": block(up.conjugate()), "three times": block(3 * up)}
    found = judged("log(z) * z", z, np.log(z) * z, sides)
    assert set(found["culprit"][["up", "down"]]) == {""} and set(found["verdict"][["up", "down"]]) == {"agree"}
    assert found.loc["three times", "verdict"] == "factor"
