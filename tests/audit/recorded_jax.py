"""Small programs on JAX whose steps, values and cotangents are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np


def chain(w, x):
    h = w * x  # chain: product
    e = jnp.exp(h)  # chain: exp
    return (e * e).sum()


def turned(z):
    a = jnp.conj(z) * 2j  # turned: product
    return a.real.sum() + 3 * a.imag.sum()


def cut(x):
    h = x * 3  # cut: product
    return (h * jax.lax.stop_gradient(h)).sum()


def _halved(c, k):
    c = c * 0.5  # scan: body
    return c, c * k


def scanned(x, k):
    last, rows = jax.lax.scan(_halved, x, k)
    return last.sum() + rows.sum()


def counted(x):
    start = jax.lax.stop_gradient(x)
    grown = jax.lax.while_loop(lambda c: c.sum() < 40, lambda c: c * 2, start)  # while: body
    return (grown * x).sum()


def chosen(x):
    return jax.lax.cond(x[0] > 0, lambda v: v * 2, lambda v: v * v, x).sum()  # cond: both


@jax.custom_vjp
def cube(x):
    y = x * x  # cube: square
    return y * x


cube.defvjp(lambda x: (x * x * x, x), lambda x, g: (7 * g * x,))


@jax.jit
def _inner(x):
    with jax.named_scope("attn"):
        return cube(x)


def ruled(x):
    with jax.named_scope("block"):
        return jax.checkpoint(_inner)(x).sum()  # ruled


def indexed(x, index):
    return {"loss": x[index].sum(), "pair": (x.max(0), x.mean())}


def padded(x):
    edge = jnp.exp(jnp.zeros(()))
    return (x * jnp.pad(np.ones(1), 1, constant_values=2 * edge)).sum()  # padded: loss
