"""Jax's squareplus is (x + sqrt(x^2 + 4)) / 2, which cancels on the left: 0 from -1e8 on, and a derivative
without digits. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-1e9).astype(jnp.float64)
got = complex(jax.nn.squareplus(x))
right = (1e-09+0j)  # 0.000000000999999999999999999000000000000000001999999999999999995
print('jax', jax.__version__, 'at x =', '-1e9', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
