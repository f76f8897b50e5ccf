"""Jax's logcdf of expon is log1p(-exp(-x)), which cancels near 0: -inf below 1e-16. Seen with jax 0.10.2;
exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-20).astype(jnp.float64)
got = complex(jax.scipy.stats.expon.logcdf(x))
right = (-46.051701859880914+0j)  # -46.0517018598809137352115576394777140041001043482038208258064
print('jax', jax.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
