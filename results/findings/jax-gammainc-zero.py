"""Jax's derivative of the regularised incomplete gamma functions is NaN at 0 for a = 1 (0 log 0), where it is
1 and -1; other a are right. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1, 1]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.gammainc(x[0], x[1] * t))(0.0))
right = (1+0j)  # 1.0
print('jax', jax.__version__, 'at x =', '[1, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
