"""The samplers: one table of name, meaning, parameters and kinds, from which docs, schema and messages come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from harness.cases.draws import Array, Draws, Shape, join, tidy

Parameters: TypeAlias = Mapping[str, Any]
Draw: TypeAlias = Callable[[Draws, Shape, bool, Parameters], Array]

NUMERIC = ("complex", "real")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a sampler. kind: "number", "integer" or "word" (then one of `choices`)."""

    name: str
    kind: str
    default: Any
    meaning: str
    choices: tuple[Any, ...] = ()
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Sampler:
    """A way to make an array. axes: how many axes the shape needs at least (2: a matrix, batched over the others)."""

    name: str
    meaning: str
    draw: Draw
    parameters: tuple[Parameter, ...] = ()
    kinds: tuple[str, ...] = NUMERIC
    axes: int = 0
    square: bool = False


REGISTRY: dict[str, Sampler] = {}


def sampler(
    name: str,
    meaning: str,
    *parameters: Parameter,
    kinds: tuple[str, ...] = NUMERIC,
    axes: int = 0,
    square: bool = False,
) -> Callable[[Draw], Draw]:
    """Register a function of (draws, shape, is_complex, parameters) under a name."""

    def register(draw: Draw) -> Draw:
        REGISTRY[name] = Sampler(name, meaning, draw, parameters, kinds, axes, square)
        return draw

    return register


def bounds(low: float, high: float, what: str, at_least: float = -np.inf) -> tuple[Parameter, Parameter]:
    """The two parameters `low` and `high`."""
    return (
        Parameter("low", "number", low, f"smallest {what}", low=at_least),
        Parameter("high", "number", high, f"largest {what}", low=at_least),
    )


MARGIN = Parameter("margin", "number", 0.05, "smallest distance from the edge", low=0.0)


@sampler("normal", "standard normal; each part of a complex number separately")
def _normal(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return d.normal(shape, is_complex)


@sampler("uniform", "uniform between low and high; each part separately", *bounds(-1.0, 1.0, "value of a part"))
def _uniform(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    re = d.uniform(shape, p["low"], p["high"])
    return join(re, d.uniform(shape, p["low"], p["high"])) if is_complex else re


@sampler("positive", "positive real numbers (imaginary part +0)", *bounds(0.1, 2.0, "value", at_least=0.0))
def _positive(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    re = d.uniform(shape, p["low"], p["high"])
    return join(re, np.zeros(shape)) if is_complex else re


@sampler("negative", "negative real numbers (imaginary part +0)", *bounds(0.1, 2.0, "modulus", at_least=0.0))
def _negative(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    re = -d.uniform(shape, p["low"], p["high"])
    return join(re, np.zeros(shape)) if is_complex else re


@sampler("real-axis", "normal real parts, imaginary parts +0", kinds=("complex",))
def _real_axis(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return join(d.normal(shape), np.zeros(shape))


@sampler("imaginary-axis", "normal imaginary parts, real parts +0", kinds=("complex",))
def _imaginary_axis(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return join(np.zeros(shape), d.normal(shape))


@sampler("unit-circle", "modulus 1; for a real input +1 or -1")
def _unit_circle(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return d.direction(shape) if is_complex else d.signs(shape)


@sampler("unit-disc", "uniform on the open unit disc; for a real input on (-1, 1)")
def _unit_disc(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    if not is_complex:
        return d.signs(shape) * d.unit(shape)
    radius, z = np.sqrt(d.unit(shape)), d.direction(shape)
    return tidy(join(radius * z.real, radius * z.imag))


@sampler("annulus", "modulus uniform between low and high, any direction", *bounds(0.5, 2.0, "modulus", 0.0))
def _annulus(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return _pointed(d, d.uniform(shape, p["low"], p["high"]), is_complex)


@sampler(
    "log-uniform", "modulus log-uniform between low and high, any direction", *bounds(1e-3, 1e3, "modulus", 5e-324)
)
def _log_uniform(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    low, high = np.log(p["low"]), np.log(p["high"])
    radius = np.clip(tidy(np.exp(low + d.unit(shape) * (high - low))), p["low"], p["high"])
    return _pointed(d, radius, is_complex)


def _pointed(d: Draws, radius: Array, is_complex: bool) -> Array:
    """Numbers of the given modulus in a random direction."""
    if not is_complex:
        return d.signs(radius.shape) * radius
    z = d.direction(radius.shape)
    return tidy(join(radius * z.real, radius * z.imag))


def _half_plane(name: str, meaning: str, re_sign: int, im_sign: int) -> None:
    """Register a half plane or a quadrant; sign 0 leaves that part free. A real input has no imaginary part."""

    def draw(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
        def part(sign: int) -> Array:
            x = d.normal(shape)
            return x if sign == 0 else sign * tidy(np.abs(x) + p["margin"])

        return join(part(re_sign), part(im_sign)) if is_complex else part(re_sign)

    sampler(name, meaning, MARGIN, kinds=NUMERIC if im_sign == 0 else ("complex",))(draw)


_half_plane("right-half-plane", "real part at least margin", 1, 0)
_half_plane("left-half-plane", "real part at most -margin", -1, 0)
_half_plane("upper-half-plane", "imaginary part at least margin", 0, 1)
_half_plane("lower-half-plane", "imaginary part at most -margin", 0, -1)


@sampler(
    "quadrant", "one quadrant of the plane, counted counter-clockwise",
    Parameter("number", "integer", 1, "1, 2, 3 or 4", choices=(1, 2, 3, 4)), MARGIN, kinds=("complex",),
)
def _quadrant(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    re_sign, im_sign = {1: (1, 1), 2: (-1, 1), 3: (-1, -1), 4: (1, -1)}[p["number"]]
    re, im = (tidy(np.abs(d.normal(shape)) + p["margin"]) for _ in range(2))
    return join(re_sign * re, im_sign * im)


@sampler(
    "sector", "angle uniform between low and high (radians), modulus between 0.5 and 2",
    *bounds(-0.7, 0.7, "angle"), kinds=("complex",),
)
def _sector(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    angle, radius = p["low"] + d.unit(shape) * (p["high"] - p["low"]), d.uniform(shape, 0.5, 2.0)
    return tidy(join(radius * np.cos(angle), radius * np.sin(angle)))


@sampler(
    "integers", "whole numbers from low to high, both included; each part separately",
    Parameter("low", "integer", -3, "smallest", low=-(2.0**31), high=2.0**31),
    Parameter("high", "integer", 3, "largest", low=-(2.0**31), high=2.0**31),
    kinds=("complex", "real", "integer"),
)
def _integers(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    re = d.integers(shape, p["low"], p["high"])
    return join(re, d.integers(shape, p["low"], p["high"])) if is_complex else re


@sampler("signs", "+1 or -1; for a complex input 1, i, -1 or -i", kinds=("complex", "real", "integer"))
def _signs(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    if not is_complex:
        return d.signs(shape)
    sign, on_axis = d.signs(shape), d.signs(shape) > 0
    return join(np.where(on_axis, sign, 0.0), np.where(on_axis, 0.0, sign))


@sampler(
    "bernoulli", "true with the given probability",
    Parameter("probability", "number", 0.5, "of true", (), 0.0, 1.0), kinds=("boolean",),
)
def _bernoulli(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    out: Array = d.unit(shape) < p["probability"]
    return out


@sampler("permutation", "a permutation of 0..n-1 along the last axis", kinds=("integer",), axes=1)
def _permutation(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return d.order(shape)


@sampler("distinct", "real parts that differ by at least 1/2 from one another, in random order")
def _distinct(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    n = int(np.prod(shape, dtype=np.int64))
    jitter = (d.unit((n,)) - 0.5) / 2
    values = np.round((d.order((n,)) - (n - 1) / 2 + jitter) * 1024) / 1024
    re = values.reshape(shape)
    return join(re, d.normal(shape)) if is_complex else re


@sampler("sorted", "as distinct, ascending along the last axis", kinds=("real",), axes=1)
def _sorted(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    return np.sort(_distinct(d, shape, False, p), axis=-1)


@sampler("ties", "few different values, so that some are equal",
         Parameter("levels", "integer", 2, "number of different values of a part", low=1, high=1000))
def _ties(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    levels = p["levels"]
    parts = [d.integers(shape, 0, levels - 1) - (levels - 1) / 2 + 0.25 for _ in range(2 if is_complex else 1)]
    return join(*parts) if is_complex else parts[0]


@sampler("sparse", "normal, but zero with probability 1 - density",
         Parameter("density", "number", 0.3, "probability of a value that is not zero", (), 0.0, 1.0))
def _sparse(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    values = d.normal(shape, is_complex)
    return np.where(d.unit(shape) < p["density"], values, np.zeros_like(values))


@sampler("probabilities", "positive, with sum 1 along the last axis (to rounding)", kinds=("real",), axes=1)
def _probabilities(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    weights = d.uniform(shape, 0.1, 1.0)
    out: Array = weights / np.add.reduce(weights, axis=-1, keepdims=True)
    return out


@sampler("one-hot", "a single 1 among zeros along the last axis", kinds=("real", "integer", "boolean"), axes=1)
def _one_hot(d: Draws, shape: Shape, is_complex: bool, p: Parameters) -> Array:
    first: Array = d.order(shape) == 0
    return first.astype(np.int64)
