"""Jax's logpdf of vonmises takes kappa (cos(x) - 1), in which a small x is lost: 17.5 in place of 17 for kappa
= 1e16 at 1e-8. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e-8, 1e16]).astype(jnp.float64)
got = complex(jax.scipy.stats.vonmises.logpdf(x[0], x[1]))
right = (17.001742210747693+0j)  # 17.0017422107476927011077077376074902063561294474771067502358
print('jax', jax.__version__, 'at x =', '[1e-8, 1e16]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
