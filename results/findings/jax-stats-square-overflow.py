"""Jax's logpdf of cauchy and t takes log1p of a square, which is infinite from 1e155 on: -inf in place of -738
and a derivative of 0. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.scipy.stats.cauchy.logpdf(x))
right = (-737.971959643944+0j)  # -737.971959643944019072957508340486058215070991918033110922106
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
