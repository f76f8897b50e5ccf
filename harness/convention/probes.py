"""Functions whose differential is known by hand, as tasks for any backend: what conventions are measured with.

Every derivative here is written out from calculus; none is computed by a framework or by differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.model import Input, Point, Source, Task
from harness.wirtinger import Array

#: df/dz and df/dz* of one input, each complex (m, n). For a real input both are half of the ordinary derivative.
Pair = tuple[Array, Array]

SIZE = 2  # length of the vectors


@dataclass(frozen=True)
class Probe:
    """A function of vectors of length 2 and its differential.

    inputs: names to kinds, differentiated; m and n are two constant complex matrices that every probe may use.
    pairs: from the arrays of a point to the Wirtinger pair of each input.
    real: whether the output is real. hessian: the real Hessian of a real loss of one input.
    """

    text: str
    inputs: Mapping[str, str]
    pairs: Callable[[Mapping[str, Array]], Mapping[str, Pair]]
    real: bool = False
    hessian: Callable[[Mapping[str, Array]], Array] | None = None


def _diagonal(a: Array, b: Array) -> Pair:
    return np.diag(a + 0j), np.diag(b + 0j)


def _ordinary(derivative: Array) -> Pair:
    return np.atleast_2d(derivative) / 2 + 0j, np.atleast_2d(derivative) / 2 + 0j


_ZERO, _ONE = np.zeros(SIZE), np.ones(SIZE)
_Z, _ZW, _X, _XY = {"z": "complex"}, {"z": "complex", "w": "complex"}, {"x": "real"}, {"x": "real", "y": "real"}


def quadratic_hessian(p: Mapping[str, Array]) -> Array:
    """Real Hessian of Re(z^T m z) + Re(z^H n z), rows and columns x then y.

    From the second differential d2L(s, t) = Re(s^T (m + m^T) t) + Re(s^H n t + t^H n s) at the unit vectors.
    """
    m, n = p["m"], p["n"]
    units = [unit * row for unit in (1, 1j) for row in np.eye(SIZE)]
    return np.array([
        [(s @ (m + m.T) @ t + s.conj() @ n @ t + t.conj() @ n @ s).real for t in units] for s in units
    ])


def _quadratic(p: Mapping[str, Array]) -> Mapping[str, Pair]:
    # L = (w + conj(w)) / 2 with w = z^T m z + z^H n z
    z, m, n = p["z"], p["m"], p["n"]
    by_z, by_conj = (m + m.T) @ z + n.T @ z.conj(), n @ z
    a = (by_z + by_conj.conj()) / 2
    return {"z": (a[None], a.conj()[None])}


PROBES: tuple[Probe, ...] = (
    # complex to complex
    Probe("z * 1", _Z, lambda p: {"z": _diagonal(_ONE, _ZERO)}),
    Probe("conj(z)", _Z, lambda p: {"z": _diagonal(_ZERO, _ONE)}),
    Probe("z * z", _Z, lambda p: {"z": _diagonal(2 * p["z"], _ZERO)}),
    Probe("z * z * conj(z)", _Z, lambda p: {"z": _diagonal(2 * abs(p["z"]) ** 2, p["z"] ** 2)}),
    Probe("m @ z + n @ conj(z)", _Z, lambda p: {"z": (p["m"], p["n"])}),
    Probe(
        "(m @ z) * conj(w)", _ZW,
        lambda p: {"z": (p["w"].conj()[:, None] * p["m"], 0j * p["m"]), "w": _diagonal(_ZERO, p["m"] @ p["z"])},
    ),
    Probe("sum(m[0] * z + n[0] * conj(z))", _Z, lambda p: {"z": (p["m"][:1], p["n"][:1])}),
    # complex to real
    Probe("real(z * conj(z))", _Z, lambda p: {"z": _diagonal(p["z"].conj(), p["z"])}, real=True),
    Probe("real(z)", _Z, lambda p: {"z": _diagonal(_ONE / 2, _ONE / 2)}, real=True),
    Probe("imag(z)", _Z, lambda p: {"z": _diagonal(_ONE / 2j, -_ONE / 2j)}, real=True),
    Probe("real(m @ z + n @ conj(z))", _Z,
          lambda p: {"z": ((p["m"] + p["n"].conj()) / 2, (p["n"] + p["m"].conj()) / 2)}, real=True),
    Probe("sum(imag(z * z * w))", _ZW,
          lambda p: {"z": ((p["z"] * p["w"] / 1j)[None], (p["z"] * p["w"] / 1j).conj()[None]),
                     "w": ((p["z"] ** 2 / 2j)[None], (p["z"] ** 2 / 2j).conj()[None])}, real=True),
    Probe("sum(real(z * (m @ z) + conj(z) * (n @ z)))", _Z, _quadratic, real=True, hessian=quadratic_hessian),
    # real to complex
    Probe("m @ (x * (1 + 0j))", _X, lambda p: {"x": _ordinary(p["m"])}),
    Probe("m[0] * x * x + n[1] * x", _X, lambda p: {"x": _ordinary(np.diag(2 * p["m"][0] * p["x"] + p["n"][1]))}),
    # real to real
    Probe("x * x * x", _X, lambda p: {"x": _ordinary(np.diag(3 * p["x"] ** 2))}, real=True),
    Probe("sum(x * y * y)", _XY,
          lambda p: {"x": _ordinary(p["y"] ** 2), "y": _ordinary(2 * p["x"] * p["y"])}, real=True),
    Probe("sum(x * (real(m) @ x))", _X,
          lambda p: {"x": _ordinary((p["m"].real + p["m"].real.T) @ p["x"])}, real=True,
          hessian=lambda p: p["m"].real + p["m"].real.T),
    Probe("real(m) @ x", _X, lambda p: {"x": _ordinary(p["m"].real)}, real=True),
)


def real_matrix(pair: Pair, out_real: bool, in_real: bool) -> Array:
    """J of a Wirtinger pair: f_x = A + B, f_y = i (A - B)."""
    f_x, f_y = pair[0] + pair[1], 1j * (pair[0] - pair[1])
    top = f_x.real if in_real else np.hstack([f_x.real, f_y.real])
    if out_real:
        return top
    return np.vstack([top, f_x.imag if in_real else np.hstack([f_x.imag, f_y.imag])])


def probe_tasks(backend: Any, points: int = 2, seed: int = 20) -> Iterator[tuple[Probe, Task]]:
    """A task for each probe, at double precision, on a backend's default mode; arrays of unit size from `seed`.

    A Hessian-vector product has twice as many unknowns as a gradient: probes of second order have 4 times the points.
    """
    rng = np.random.default_rng(seed)

    def draw(kind: str, *shape: int) -> Array:
        x = rng.normal(size=shape)
        return x + 1j * rng.normal(size=shape) if kind == "complex" else x

    for number, probe in enumerate(PROBES):
        constants = [name for name in ("m", "n") if f"{name} @" in probe.text or f"{name}[" in probe.text
                     or f"({name})" in probe.text]
        inputs = tuple(Input(name, kind, (SIZE,)) for name, kind in probe.inputs.items())
        inputs += tuple(Input(name, "complex", (SIZE, SIZE), differentiate=False) for name in constants)
        sites = tuple(
            Point(f"point{k}", {i.name: draw(i.kind, *i.shape) for i in inputs})
            for k in range(4 * points if probe.hessian else points)
        )
        yield probe, Task(
            f"probe{number}", "complex128", backend.name, "cpu", backend.default_mode,
            Source("portable", probe.text), inputs, sites, order=2 if probe.hessian else 1,
        )
