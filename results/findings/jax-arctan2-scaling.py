"""Jax's derivative of arctan2 divides by y^2 + x^2, which underflows below 1e-162 (the derivative becomes
infinite) and overflows from 1e154 on (0). Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e-200, 1e-200]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.arctan2(t, x[1]))(x[0]))
right = (5e+199+0j)  # 5.00000000000000008949868800458620362173097196200371864900561e+199
print('jax', jax.__version__, 'at x =', '[1e-200, 1e-200]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
