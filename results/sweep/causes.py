"""Defects that `harness sweep` found, each at one point against mpmath: prints CONFIRMED or NOT CONFIRMED for each.

Needs torch, jax, NumPy and mpmath, not the package. Exits with status 0 where all are confirmed.
"""

import sys

import jax
import jax.numpy as jnp
import mpmath
import torch

jax.config.update("jax_enable_x64", True)
mpmath.mp.dps = 60
RESULTS = []


def say(name, got, want, wrong):
    """One line: what was returned, what is right, whether it is wrong as claimed."""
    RESULTS.append(bool(wrong))
    print(f"{'CONFIRMED' if wrong else 'NOT CONFIRMED'}  {name}: returned {got}, right is {mpmath.nstr(want, 8)}")


def off(got, want):
    """Relative error; infinite for a NaN."""
    got = mpmath.mpmathify(got)
    return mpmath.inf if not mpmath.isfinite(got) else abs(got - want) / abs(want) if want else abs(got)


def by_torch(f, x):
    """df/dz of a holomorphic function; torch hands out its conjugate."""
    t = torch.tensor(x, requires_grad=True, dtype=torch.complex128 if isinstance(x, complex) else torch.float64)
    out = f(t)
    (g,) = torch.autograd.grad(out, t, torch.ones_like(out))
    return g.conj().item()


def by_jax(f, x):
    """df/dz of a holomorphic function."""
    return jax.grad(f, holomorphic=isinstance(x, complex))(x).item()


def m(x):
    return mpmath.mpc(x.real, x.imag) if isinstance(x, complex) else mpmath.mpf(x)


def derivative(name, ask, f, x, want, at_least):
    got = ask(f, x)
    say(f"{name} at {x}", got, want, off(got, want) > at_least)



def slope_of_sigmoid(x):
    return mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2


for framework, ask, expm1, tan, sigmoid, i0e, sinc in (
    ("torch", by_torch, torch.expm1, torch.tan, torch.sigmoid, torch.special.i0e, torch.sinc),
    ("jax", by_jax, jnp.expm1, jnp.tan, jax.nn.sigmoid, jax.scipy.special.i0e, jnp.sinc),
):
    derivative(f"{framework} expm1'", ask, expm1, -40.0, mpmath.exp(-40), 0.5)
    derivative(f"{framework} tan'", ask, tan, 1 + 18j, 1 / mpmath.cos(m(1 + 18j)) ** 2, 0.01)
    derivative(f"{framework} sigmoid'", ask, sigmoid, 40.0, slope_of_sigmoid(m(40.0)), 0.5)
    with mpmath.workdps(120):
        x = mpmath.mpf(1e12)  # -i0e / (2x) (1 + ...): the asymptotic series of DLMF 10.40.1
        want = -(1 + mpmath.mpf(3) / (8 * x) + mpmath.mpf(45) / (128 * x**2)) / (2 * x * mpmath.sqrt(2 * mpmath.pi * x))
    derivative(f"{framework} i0e'", ask, i0e, 1e12, want, 1e-6)
    got = complex(sinc(torch.tensor(1e308, dtype=torch.float64)) if framework == "torch" else sinc(1e308)).real
    say(f"{framework} sinc at 1e308, an integer", got, mpmath.mpf(0), got != got)

derivative("torch tanh'", by_torch, torch.tanh, 20.0, mpmath.sech(m(20.0)) ** 2, 0.5)
z = 1e160 + 2e160j
derivative("torch arctanh'", by_torch, torch.arctanh, z, 1 / (1 - m(z) ** 2), 10)
z = 2e154 + 1e154j
derivative("torch (z**-1)'", by_torch, lambda t: t**-1, z, -1 / m(z) ** 2, 10)
got = (torch.tensor(z, dtype=torch.complex128) ** -2).item()
say(f"torch z**-2 at {z}", got, 1 / m(z) ** 2, off(got, 1 / m(z) ** 2) > 10)
z = -800 + 1j
for name, f, want in (("sigmoid", torch.sigmoid, 1 / (1 + mpmath.exp(-m(z)))),
                      ("silu", torch.nn.functional.silu, m(z) / (1 + mpmath.exp(-m(z))))):
    got = f(torch.tensor(z, dtype=torch.complex128)).item()
    say(f"torch {name} of complex numbers at {z}", got, want, off(got, want) > 10)
derivative("jax digamma'", by_jax, jax.scipy.special.digamma, 1e160, mpmath.mpf(1) / mpmath.mpf(1e160), 0.5)
z = 50 + 1e15j
want = 1 / (1 + mpmath.exp(1j - m(z)))
derivative("jax logaddexp(z, 1j)'", by_jax, lambda t: jnp.logaddexp(t, 1j), z, want, 1e-3)
got = float(jax.nn.squareplus(-1e9))
want = (mpmath.mpf(-1e9) + mpmath.sqrt(mpmath.mpf(1e9) ** 2 + 4)) / 2
say("jax squareplus at -1e9", got, want, off(got, want) > 0.5)

print(f"{sum(RESULTS)} of {len(RESULTS)} confirmed")
sys.exit(0 if all(RESULTS) else 1)
