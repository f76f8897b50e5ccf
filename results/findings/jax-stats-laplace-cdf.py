"""Jax's derivative of the cdf of laplace is NaN beyond 710 on both sides: exp overflows in the branch that is
not taken. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(800.0).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.stats.laplace.cdf)(x))
right = 0j  # 0.0
print('jax', jax.__version__, 'at x =', '800.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
