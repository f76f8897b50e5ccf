"""Jax's derivative of i0 at 0 is 1, where i0 is even and its derivative 0. Seen with jax 0.10.2; exits with 0
where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 1]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.i0(x[1] * t))(x[0]))
right = 0j  # 0.0
print('jax', jax.__version__, 'at x =', '[0, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
