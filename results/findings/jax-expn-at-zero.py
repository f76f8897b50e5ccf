"""Jax's derivative of expn(n, x) at x = 0 is -1/(n - 1) in place of -1/(n - 2): it takes expn(n, 0), not that
of order n - 1. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([3, 0]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.expn(x[0].astype(int), t))(x[1]))
right = (-1+0j)  # -1.0
print('jax', jax.__version__, 'at x =', '[3, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
