"""Jax's vander raises to powers that are floating-point numbers: 0 times 0**-1 is NaN at 0. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 1]).astype(jnp.float64)
got = complex(jax.grad(lambda t: x[1] * jnp.vander(jnp.array([t]), 3)[0, 1])(x[0]))
right = (1+0j)  # 1.0
print('jax', jax.__version__, 'at x =', '[0, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
