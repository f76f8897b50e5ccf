"""Jax's cdf of cauchy is 1/2 + arctan(x)/pi, which cancels in the left tail: four digits at -1e12, 0 at -1e17;
sf likewise on the right, and logcdf is -inf. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-1e12).astype(jnp.float64)
got = complex(jax.scipy.stats.cauchy.cdf(x))
right = (3.1830988618379067e-13+0j)  # 0.00000000000031830988618379067153776742064173332947202877889180097779633
print('jax', jax.__version__, 'at x =', '-1e12', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
