"""Jax's polygamma, and with it the derivative of digamma, is wrong left of -10: its zeta sums as if the
argument were positive from there on (6e8 in place of 15 at -10.7). Seen with jax 0.10.2; exits with 0 where
it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-10.7).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.digamma)(x))
right = (14.99018713906938+0j)  # 14.9901871390693797673147396700051180996078873746649764803066
print('jax', jax.__version__, 'at x =', '-10.7', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
