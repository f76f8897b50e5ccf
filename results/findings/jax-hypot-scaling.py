"""Jax's derivative of hypot divides by the squared modulus: 1.06 in place of 0.707 from 1e154 on. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.hypot(t, x))(x))
right = (0.7071067811865476+0j)  # 0.70710678118654752440084436210484903928483593768847403658834
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
