"""Jax's logpdf of chi2 with two degrees of freedom is NaN at 0 (0 log 0), where it is -log 2. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 2]).astype(jnp.float64)
got = complex(jax.scipy.stats.chi2.logpdf(x[0], x[1]))
right = (-0.6931471805599453+0j)  # -0.69314718055994530941723212145817656807550013436025525412068
print('jax', jax.__version__, 'at x =', '[0, 2]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
