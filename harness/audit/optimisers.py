"""Which default of an optimiser makes two first steps differ: each update is fitted by the formula that made it.

From a fresh state the first update u of every common optimiser is, entry by entry,

    u = -lr * (g / sqrt(a * g**2 + k) + d * p)        Adam, AdamW, RMSprop, Adagrad (k: initial accumulator or an inner
                                                      epsilon, d: decoupled decay)
    u = -lr * (g / (sqrt(a) * |g| + e) + d * p)       with an epsilon after the root
    u = -lr * (g + d * p)                             plain

Kingma and Ba (2015); Loshchilov and Hutter (2019); Duchi et al. (2011); Tieleman and Hinton (2012). A complex number is
two real ones in torch, and |g|^2 of both in optax unless it is told. What no formula fits is not explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.wirtinger import Array

#: Entries that are fitted.
_SAMPLE = 20_000


@dataclass(frozen=True)
class Fit:
    """One side's update as a formula. rate: lr / sqrt(a); decay: d in units of it; start: k / a; eps: e / sqrt(a).

    kind: "plain" or "scaled"; joint: whether |g|^2 of a complex number was taken.
    """

    kind: str
    rate: float
    decay: float = 0.0
    start: float = 0.0
    eps: float = 0.0
    joint: bool = False


def fitted(terms: Sequence[tuple[Array, Array, Array]], single: bool) -> Fit | None:
    """The formula of updates: (gradient L_x + i L_y, parameter, update) of each parameter; None where none fits."""
    rtol = 2e-3 if single else 1e-6
    tried = [False, True] if any(np.iscomplexobj(g) for g, _, _ in terms) else [False]
    for joint in tried:
        g, p, u, size = _flat(terms, joint)
        live = (g != 0) & np.isfinite(g) & np.isfinite(u)
        if live.sum() < 4:
            return None
        g, p, u, size = g[live], p[live], u[live], size[live]
        found = _plain(g, p, u, rtol) if not joint else None
        found = found or _scaled(g, p, u, size, rtol, joint)
        if found is not None:
            return found
    return None


def _flat(terms: Sequence[tuple[Array, Array, Array]], joint: bool) -> tuple[Array, Array, Array, Array]:
    """Real components of all entries: gradient, parameter, update, and the size that the formula squares."""
    columns: list[list[Array]] = [[], [], [], []]
    for g, p, u in terms:
        step = max(1, g.size // _SAMPLE)
        a, b, c = (np.asarray(x).reshape(-1)[::step].astype(np.complex128) for x in (g, p, u))
        for part in (np.real, np.imag)[: 2 if np.iscomplexobj(g) else 1]:
            size = np.abs(a) if joint else np.abs(part(a))
            for column, value in zip(columns, (part(a), part(b), part(c), size), strict=True):
                column.append(np.asarray(value))
    g, p, u, size = (np.concatenate(c) for c in columns)
    return g, p, u, size


def _near(u: Array, made: Array, rtol: float) -> bool:
    return bool(np.abs(u - made).max() <= rtol * np.abs(u).max())


def _plain(g: Array, p: Array, u: Array, rtol: float) -> Fit | None:
    (a, b), *_ = np.linalg.lstsq(np.stack([g, p], 1), -u, rcond=None)
    if a <= 0 or not _near(u, -(a * g + b * p), rtol):
        return None
    return Fit("plain", float(a), _small(b / a, rtol))


def _scaled(g: Array, p: Array, u: Array, size: Array, rtol: float, joint: bool) -> Fit | None:
    """With a decay the update is not proportional to the gradient: the decay is what makes it so again."""
    best: tuple[float, Fit] | None = None
    (_, b), *_ = np.linalg.lstsq(np.stack([g / size, p], 1), -u, rcond=None)
    for shift in dict.fromkeys((0.0, float(b))):
        rest = -(u + shift * p)
        with np.errstate(all="ignore"):
            ratio = g / rest
        if not np.isfinite(ratio).all() or (ratio <= 0).any():
            continue
        for power, word in ((1, "eps"), (2, "start")):
            (slope, cut), *_ = np.linalg.lstsq(np.stack([size**power, np.ones_like(size)], 1), ratio**power, rcond=None)
            if slope <= 0 or cut < -rtol * slope * float(np.median(size)) ** power:
                continue
            rate = float(slope ** (-1 / power))
            held = max(float(cut / slope), 0.0)
            root = size + held if word == "eps" else np.sqrt(size**2 + held)
            gap = float(np.abs(rest - rate * g / root).max() / np.abs(u).max())
            if gap <= rtol and (best is None or gap < best[0]):
                fit = Fit("scaled", rate, _small(shift / rate, rtol), joint=joint, **{word: held})
                best = (gap, fit)
    return None if best is None else best[1]


def _small(value: float, rtol: float) -> float:
    return 0.0 if abs(value) <= rtol else float(value)


#: (constant, value) -> whose default it is.
_DEFAULTS = {
    "decay": {0.01: "the default of torch.optim.AdamW", 1e-4: "the default of optax.adamw"},
    "start": {0.1: "the default of optax.adagrad", 1e-7: "eps=1e-8 of optax.rmsprop, which has eps_in_sqrt=True"},
    "eps": {1e-8: "the default of torch.optim.Adam and optax.adam", 1e-7: "the default of keras.optimizers.Adam"},
}


def sentences(torch: Fit, jax: Fit) -> list[str]:
    """What of two fitted first steps differs, with both values, and whose defaults they are."""
    if torch.kind != jax.kind:
        names = {"plain": "along the gradient itself", "scaled": "along the gradient over its own size"}
        return [f"The step of torch is {names[torch.kind]}, JAX's {names[jax.kind]}: two optimisers."]
    out = []
    if torch.joint != jax.joint:
        sides = ("torch", "JAX") if torch.joint else ("JAX", "torch")
        out.append(f"The step of {sides[0]} takes |g|^2 of a complex gradient, {sides[1]}'s squares its real and "
                   "imaginary parts apart; optax.contrib.split_real_and_imaginary does the latter.")
    for name, words in (("decay", "weight decay"), ("start", "initial accumulator"), ("eps", "epsilon")):
        a, b = getattr(torch, name), getattr(jax, name)
        if name == "eps" and (torch.start or jax.start):
            continue
        if name == "start" and max(a, b) < 1e-4:
            words = "epsilon under the root"
        if abs(a - b) > 1e-3 * max(abs(a), abs(b)) and max(abs(a), abs(b)) > 3e-10:
            out.append(f"The steps differ in the {words}: {_said(name, a)} in torch, {_said(name, b)} in JAX.")
    ratio = torch.rate / jax.rate
    if abs(ratio - 1) > 1e-6:
        why = ""
        if torch.kind == "scaled" and abs(ratio / np.sqrt(10) - 1) < 1e-4:
            why = (": what alpha=0.99 (the default of torch.optim.RMSprop) against decay=0.9 (that of optax.rmsprop) "
                   "makes of a first step")
        out.append(f"The step of torch is {ratio:.6g} times JAX's{why}.")
    return out


def _said(name: str, value: float) -> str:
    for known, whose in _DEFAULTS[name].items():
        if abs(value - known) <= 1e-2 * known:
            return f"{known:g} ({whose})"
    return f"{value:.3g}"
