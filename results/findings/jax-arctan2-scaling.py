"""Jax's derivatives of arctan2 divide by the sum of the squares of its arguments: 0 where both are from 1e154
on, infinite where both are below 1e-154. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e160, 1e160]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.arctan2(t, x[1]))(x[0]))
right = (5e-161+0j)  # 4.99999999999999996735796127465886742887221735489089799585082e-161
print('jax', jax.__version__, 'at x =', '[1e160, 1e160]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
