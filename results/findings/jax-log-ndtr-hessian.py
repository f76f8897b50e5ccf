"""Jax's second derivative of log_ndtr cancels far on the left: five digits are left at -1000, none at -1e5,
where it is 3170 in place of -1. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-1e5).astype(jnp.float64)
got = complex(jax.grad(jax.grad(jax.scipy.special.log_ndtr))(x))
right = (-0.9999999999+0j)  # -0.9999999999000000000599999999500000000518
print('jax', jax.__version__, 'at x =', '-1e5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
