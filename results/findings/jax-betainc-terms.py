"""Jax's betainc stops its continued fraction after 600 terms (200 in single precision): 0.2 in place of 1/2
for a = b = 1e8 at x = 1/2, and negative at 1e10. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e8).astype(jnp.float64)
got = complex(jax.scipy.special.betainc(x, x, 0.5))
right = (0.5+0j)  # 0.5
print('jax', jax.__version__, 'at x =', '1e8', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
