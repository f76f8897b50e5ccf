"""Jax's logsf and logcdf of gamma and chi2 are logarithms of a tail that underflows: -inf from 760 on, with a
derivative of NaN. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(800.0).astype(jnp.float64)
got = complex(jax.scipy.stats.gamma.logsf(x, 2.5))
right = (-790.2558908656379+0j)  # -790.255890865637869251702865568089722770036891807129468786754
print('jax', jax.__version__, 'at x =', '800.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
