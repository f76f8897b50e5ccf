"""R-linear maps of a differential in the notation of Wirtinger calculus.

A real-coordinate map `sum of k_b * b` over the entries b of J (and, with a vector, `sum of k_ab * a * b`) has exactly
one representation over df/dz, df/dz*, their conjugates, the vector and its conjugate.  It follows from
u_x = Re f_x, v_x = Im f_x, u_y = Re f_y, v_y = Im f_y with f_x = A + B, f_y = i (A - B), A = df/dz, B = df/dz*.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from harness.wirtinger import Array

_NEAR = 1e-7  # a coefficient this close to a simple number is that number

#: Real entries of J present for each kind of function, in the order of the coefficients.
ENTRIES = {
    "complex -> complex": ("u_x", "u_y", "v_x", "v_y"),
    "complex -> real": ("u_x", "u_y"),
    "real -> complex": ("u_x", "v_x"),
    "real -> real": ("u_x",),
}

#: Complex atoms for each kind of function, and each entry of J over them.
_ATOMS: dict[str, tuple[tuple[str, ...], Array]] = {
    # u_x = (A + A* + B + B*)/2, u_y = i (A - A* - B + B*)/2, v_x = (A - A* + B - B*)/2i, v_y = (A + A* - B - B*)/2
    "complex -> complex": (
        ("A", "A*", "B", "B*"),
        np.array([[1, 1, 1, 1], [1j, -1j, -1j, 1j], [-1j, 1j, -1j, 1j], [1, 1, -1, -1]]) / 2,
    ),
    # a real function has B = A*: u_x = A + A*, u_y = i (A - A*)
    "complex -> real": (("A", "A*"), np.array([[1, 1], [1j, -1j]])),
    # f' = u_x + i v_x
    "real -> complex": (("D", "D*"), np.array([[1, 1], [-1j, 1j]]) / 2),
    "real -> real": (("D",), np.array([[1.0 + 0j]])),
}

_SECOND: tuple[str, ...] = ("L_xx", "L_xy", "L_yx", "L_yy")


def formula(kind: str, function: str, coefficients: Array) -> dict[str, str]:
    """{"map": in Wirtinger's notation, "components": in real entries} of a fitted map.

    coefficients: complex, one for each entry of J, for a map with a vector first those of its real part, then those
    of its imaginary part.
    """
    if kind in ("hessian", "hessian-vector"):
        is_complex = function.startswith("complex")
        second = _SECOND if is_complex else _SECOND[:1]
        names = second if kind == "hessian" else _with_vector(second, "t", is_complex)
        text = _sum(coefficients, names)
        return {"map": text, "components": text}
    vector = {"pullback": "c", "basis-pullback": "c", "pushforward": "t", "basis-pushforward": "t"}.get(kind, "")
    entries = ENTRIES[function]
    loss = kind in ("gradient", "batched-gradient")
    if not vector:
        names = tuple(name.replace("u_", "L_") for name in entries) if loss and function.endswith("real") else entries
        components = _sum(coefficients, names)
        wirtinger = _terms(coefficients @ _ATOMS[function][1], [_atom(a, loss, function) for a in _ATOMS[function][0]])
        return {"map": f"{components} = {wirtinger}" if components != wirtinger else components,
                "components": components}
    complex_vector = (function.endswith("complex")) if vector == "c" else function.startswith("complex")
    names = _with_vector(entries, vector, complex_vector)
    halves = coefficients.reshape(2 if complex_vector else 1, len(entries)) @ _ATOMS[function][1]
    atoms = [_matrix(a, vector, function) for a in _ATOMS[function][0]]
    if not complex_vector:
        text = _terms(halves[0], [f"{a} {vector}" for a in atoms])
    else:  # vector = p + iq: p = (v + v*)/2, q = (v - v*)/2i
        plain, conj = (halves[0] - 1j * halves[1]) / 2, (halves[0] + 1j * halves[1]) / 2
        real = _real_part(plain, conj, atoms, vector)
        if real:
            return {"map": real, "components": _sum(coefficients, names)}
        order = [x for pair in zip(plain, conj, strict=True) for x in pair]
        text = _terms(order, [name for a in atoms for name in (f"{a} {vector}", f"{a} conj({vector})")])
    return {"map": text, "components": _sum(coefficients, names)}


def _with_vector(entries: Sequence[str], vector: str, is_complex: bool) -> tuple[str, ...]:
    halves = (f"Re {vector}", f"Im {vector}") if is_complex else (vector,)
    return tuple(f"{entry} {half}" for half in halves for entry in entries)


def _atom(atom: str, loss: bool, function: str) -> str:
    """An atom where there is no vector: a partial derivative."""
    letter = "L" if loss and function.endswith("real") else "f"
    if atom[0] == "D":
        return f"{letter}'" if atom == "D" else f"conj({letter}')"
    if function == "complex -> real":  # A* is dL/dz*
        return f"d{letter}/dz" if atom == "A" else f"d{letter}/dz*"
    plain = f"d{letter}/dz" if atom[0] == "A" else f"d{letter}/dz*"
    return f"conj({plain})" if atom.endswith("*") else plain


def _matrix(atom: str, vector: str, function: str) -> str:
    """An atom that multiplies a vector: transposed where the vector is a cotangent."""
    letter = "f'" if atom[0] == "D" else atom[0]
    conj = atom.endswith("*")
    if function == "complex -> real" and conj:
        letter, conj = "B", False  # B = conj(A) for a real function
    if vector == "t":
        return f"conj({letter})" if conj else letter
    return f"{letter}^H" if conj else f"{letter}^T"


def _real_part(plain: Array, conj: Array, atoms: Sequence[str], vector: str) -> str:
    """`Re(...)` of a map of f' whose result is always real; "" for any other."""
    if not atoms[0].startswith("f'") or not np.allclose([plain[0], conj[0]], np.conj([conj[1], plain[1]]), atol=_NEAR):
        return ""
    inner = _terms([2 * plain[0], 2 * conj[0]], [f"{atoms[0]} {vector}", f"{atoms[0]} conj({vector})"])
    return f"Re({inner})"


def _sum(coefficients: Sequence[complex] | Array, names: Sequence[str]) -> str:
    return _terms(coefficients, names)


def _terms(coefficients: Sequence[complex] | Array, names: Sequence[str]) -> str:
    """`2 A^T c - i B`, largest structure first as given; "0" where nothing is left."""
    text = ""
    for coefficient, name in zip(coefficients, names, strict=True):
        sign, factor = _number(complex(coefficient))
        if factor is None:
            continue
        if text:
            text += f" {sign} "
        elif sign == "-":
            text = "-"
        text += f"{factor} {name}" if factor else name
    return text or "0"


def _number(value: complex) -> tuple[str, str | None]:
    """(sign, text) of a coefficient; the text is "" for one and None for zero."""
    re, im = _real(value.real), _real(value.imag)
    if re == "0" and im == "0":
        return "+", None
    if im == "0" or re == "0":
        text, unit = (re, "") if im == "0" else (im, "i")
        sign = "-" if text.startswith("-") else "+"
        text = text.removeprefix("-")
        return sign, (unit if text == "1" else f"{text} {unit}".strip())
    middle = "" if im.startswith("-") else "+"
    return "+", f"({re}{middle}{im}i)"


def _real(value: float) -> str:
    near = Fraction(value).limit_denominator(16) if np.isfinite(value) else Fraction(0)
    return str(near) if abs(float(near) - value) < _NEAR else f"{value:.6g}"
