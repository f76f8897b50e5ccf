"""What an origin is: hypotheses that are evaluated. One is said only where it gives the other side's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.audit.origins.backward import Part
from harness.audit.origins.forward import Cut, Search
from harness.audit.origins.layout import close
from harness.wirtinger import Array


def explain_cut(cut: Cut, search: Search) -> tuple[str, str]:
    """(what it is, what to write) of a mistake in a value."""
    if cut.said[0]:
        return cut.said
    if cut.lacking and cut.proven:
        return _lacking(cut)
    if not cut.proven or cut.layout is None:
        return ("the values part here; no single value put in JAX's place lets the programs meet again, and nothing "
                "that was tried explains the numbers"), ""
    a = cut.at.recordings["torch"].value(cut.torch.id)
    b = cut.layout.to_left(cut.at.recordings["jax"].value(cut.jax.id))
    tried = [*_related(a, b, search.rtol, cut), *_functions(cut, a, b, search.rtol), *_rounded(a, b, cut)]
    if tried:
        return tried[0]
    return (f"the values part here{_apart(a, b)}; with torch's in place the programs agree again, and nothing that was "
            "tried explains the numbers"), ""


def _apart(a: Array, b: Array) -> str:
    fine = np.isfinite(a) & np.isfinite(b)
    if not fine.all() and close(a[fine], b[fine], 1e-6):
        return f" in {np.count_nonzero(~fine)} of {a.size} entries, which are infinite or NaN"
    top = float(np.abs(a[fine]).max(initial=0)) or 1.0
    return f", by {float(np.abs(a - b)[fine].max(initial=0)) / top:.2g} of the largest"


def _lacking(cut: Cut) -> tuple[str, str]:
    if cut.lacking == "jax":
        return (f"torch's {cut.torch.op!r} is missing in JAX: with it in place the programs agree again",
                f"apply what torch's line does: {cut.torch.text}")
    return (f"JAX's {cut.jax.op!r} is not there in torch: without it the programs agree again",
            f"leave it out on the JAX side: {cut.jax.text}")


def _related(a: Array, b: Array, rtol: float, cut: Cut) -> Iterator[tuple[str, str]]:
    """torch's array from JAX's by a factor, a sign, a conjugation, or another order of one axis."""
    top = float(np.abs(b).max(initial=0))
    if top and np.isfinite(a).all() and np.isfinite(b).all():
        k = int(np.abs(b).argmax())
        factor = complex(a.reshape(-1)[k] / b.reshape(-1)[k])
        if close(b * (factor if np.iscomplexobj(a) else factor.real), a, 10 * rtol) and abs(factor.imag) < 1e-9:
            named = _named(factor.real, cut, rtol)
            yield (f"torch's value is {named} times JAX's", f"multiply the JAX side by {named}: {cut.jax.text}")
    if np.iscomplexobj(a) and close(np.conj(b), a, rtol):
        yield "one side is conjugated", f"jnp.conj(...) around the JAX side: {cut.jax.text}"
    if a.ndim >= 2 and a.shape[-1] == a.shape[-2] and close(np.swapaxes(b, -1, -2), a, rtol):
        yield "one side is transposed", "jnp.swapaxes(..., -1, -2) on the JAX side"


def _named(factor: float, cut: Cut, rtol: float) -> str:
    """A factor as a formula of the sizes at hand, where one gives it."""
    sizes = {n for step in (cut.torch, cut.jax) for n in step.shape}
    for g in (cut.at.left, cut.at.right):
        step = cut.torch if g.side == "torch" else cut.jax
        sizes |= {n for p in g.parents(step.id) for n in g.steps[p].shape}
    for n in sorted(s for s in sizes if s > 1):
        for text, number in ((f"1/{n}", 1 / n), (f"{n}", n), (f"1/sqrt({n})", n**-0.5), (f"sqrt({n})", n**0.5),
                             (f"{n}/{n - 1}", n / (n - 1)), (f"{n - 1}/{n}", (n - 1) / n)):
            for sign in (1, -1):
                if abs(factor - sign * number) <= 10 * rtol * abs(factor):
                    return text if sign > 0 else f"-{text}"
    return f"{factor:.12g}"


def _functions(cut: Cut, a: Array, b: Array, rtol: float) -> Iterator[tuple[str, str]]:
    """The same input through functions that go by one name: each side's result is one of them."""
    g = cut.at.left
    for p in g.parents(cut.torch.id):
        x = cut.at.recordings["torch"].value(p) if p >= 0 or p in cut.at.recordings["torch"].held else None
        if x is None or np.iscomplexobj(x):
            continue
        for family in _FAMILIES:
            left = _which(family, x, a, rtol)
            right = _which(family, x, b, rtol)
            if left and right and left != right:
                yield f"torch computes {left[0]}, JAX {right[0]}", f"on the JAX side: {left[1]}"


def _which(family: Any, x: Array, wanted: Array, rtol: float) -> tuple[str, str] | None:
    with np.errstate(all="ignore"):
        for text, code, value in family(x):
            if value.size == wanted.size and close(value.reshape(-1), wanted.reshape(-1), max(rtol, 1e-9)):
                return text, code
    return None


def _gelu(x: Array) -> Iterator[tuple[str, str, Array]]:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    exact = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    yield "the exact gelu", "jax.nn.gelu(x, approximate=False)", exact
    yield "gelu by tanh", "jax.nn.gelu(x)", x * 0.5 * (1 + np.tanh(inner))
    yield "silu", "jax.nn.silu(x)", x / (1 + np.exp(-x))
    yield "relu", "jax.nn.relu(x)", np.maximum(x, 0)
    yield "tanh", "jnp.tanh(x)", np.tanh(x)
    yield "sigmoid", "jax.nn.sigmoid(x)", 1 / (1 + np.exp(-x))
    yield "softplus", "jax.nn.softplus(x)", np.logaddexp(x, 0)
    yield "elu", "jax.nn.elu(x)", np.where(x > 0, x, np.expm1(x))
    for slope in (0.01, 0.1, 0.2, 0.3, 0.05):
        yield (f"leaky relu with slope {slope:g}", f"jax.nn.leaky_relu(x, {slope:g})", np.where(x >= 0, x, slope * x))
    for power in (2, 3, 4):
        yield f"the power {power}", f"x ** {power}", x**power
    yield "log(1 + x)", "jnp.log1p(x)", np.log1p(x)
    yield "log(x)", "jnp.log(x)", np.log(x)


def _reductions(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in (None, *range(x.ndim)):
        words, arg = ("over everything", "") if axis is None else (f"over axis {axis}", f"axis={axis}")
        for name in ("mean", "sum", "max", "min", "prod"):
            yield f"{name} {words}", f"x.{name}({arg})", getattr(x, name)(axis=axis)
        for name in ("var", "std"):
            for ddof in (0, 1):
                n = x.size if axis is None else x.shape[axis]
                if n > ddof:
                    code = f"x.{name}({arg + ', ' if arg else ''}ddof={ddof})"
                    yield f"{name} {words} with n - {ddof}", code, getattr(x, name)(axis=axis, ddof=ddof)


def _softmax(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in range(x.ndim):
        e = np.exp(x - x.max(axis, keepdims=True))
        s = e / e.sum(axis, keepdims=True)
        yield f"softmax over axis {axis}", f"jax.nn.softmax(x, axis={axis})", s
        yield f"log_softmax over axis {axis}", f"jax.nn.log_softmax(x, axis={axis})", np.log(s)
        yield f"cumsum over axis {axis}", f"jnp.cumsum(x, axis={axis})", np.cumsum(x, axis)


def _norms(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in range(x.ndim):
        m, v = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
        for eps in (0.0, 1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3):
            yield (f"normalisation over axis {axis} with eps={eps:g}", f"(x - mean) / sqrt(var + {eps:g})",
                   (x - m) / np.sqrt(v + eps))


def _fft(x: Array) -> Iterator[tuple[str, str, Array]]:
    for norm in ("backward", "ortho", "forward") if x.ndim else ():
        yield f"the FFT with norm={norm!r}", f"jnp.fft.fft(x, norm={norm!r})", np.fft.fft(x, norm=norm)


_FAMILIES = (_gelu, _reductions, _softmax, _norms, _fft)


def rounded(cut: Cut) -> bool:
    """Whether a rounding to single precision explains a mistake in a value."""
    if not cut.proven or cut.lacking or cut.said[0] or cut.layout is None:
        return False
    a = cut.at.recordings["torch"].value(cut.torch.id)
    b = cut.layout.to_left(cut.at.recordings["jax"].value(cut.jax.id))
    return any(True for _ in _rounded(a, b, cut))


def _rounded(a: Array, b: Array, cut: Cut) -> Iterator[tuple[str, str]]:
    """Single precision in a double-precision program: the difference is a rounding to it, and such a step is near."""
    for side, step in (("jax", cut.jax), ("torch", cut.torch)):
        g = cut.at.graph(side)
        near = [g.steps[i] for i in g.ancestors([step.id]) if i in cut.at.regions[side] or i == step.id]
        if not any(str(s.dtype) in ("float32", "complex64") for s in near):
            continue
        other = cut.torch if side == "jax" else cut.jax
        wide = str(other.dtype) in ("float64", "complex128")
        with np.errstate(all="ignore"):
            small = bool((np.abs(a - b) <= 64 * 1.2e-7 * np.abs(a).max(initial=0)).all())
        if wide and small:
            yield (f"single precision inside a double-precision program on the {side} side: the values differ by its "
                   "rounding", "keep the inputs' dtype: " + step.text)


def explain_part(part: Part) -> tuple[str, str]:
    """(what it is, what to write) of a mistake in a derivative; the numbers were measured along one direction."""
    side = part.wrong[0]
    step = part.torch if side == "torch" else part.jax
    numbers = (f"along one direction the loss changes by {part.measured[side]:.6g}, torch's cotangent says "
               f"{part.predicted['torch']:.6g}, JAX's {part.predicted['jax']:.6g}")
    if part.factor == 0:
        stop = {"torch": "detach or no_grad", "jax": "stop_gradient"}[side]
        fix = (f"take the {stop} away, or do the same on the other side: jax.lax.stop_gradient(...) in {part.jax.text}"
               if side == "torch" else f"take stop_gradient away, or detach on the torch side: {part.torch.text}")
        return f"on the {side} side no gradient passes here ({stop}); {numbers}", fix
    if np.isfinite(part.factor) and abs(part.factor - 1) > 1e-6:
        return (f"on the {side} side the derivative of {step.op!r} is {part.factor:.6g} times that of its function; "
                f"{numbers}"), f"correct its rule: {step.text}"
    return (f"on the {side} side the derivative of {step.op!r} is not that of its function; {numbers}",
            f"correct its rule: {step.text}")
