"""Jax's derivative of betainc is NaN at x = 0 for a = 1, and at x = 1 for b = 1, where it is b and a; other
ends are right. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1, 2.5]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.betainc(x[0], x[1], t))(0.0))
right = (2.5+0j)  # 2.5
print('jax', jax.__version__, 'at x =', '[1, 2.5]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
