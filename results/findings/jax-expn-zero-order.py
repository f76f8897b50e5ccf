"""Jax's derivative of expn(0, x) = exp(-x)/x is NaN everywhere up to 1: it takes expn of order -1, which it
does not have. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(0.5).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.expn(0, t))(x))
right = (-3.6391839582758005+0j)  # -3.63918395827580054162279720994708272065150881292312173409735
print('jax', jax.__version__, 'at x =', '0.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
