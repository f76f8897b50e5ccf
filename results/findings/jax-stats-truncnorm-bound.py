"""Jax's derivative of the logpdf of truncnorm by a bound on the right of 0 is NaN. Seen with jax 0.10.2; exits
with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(9.0).astype(jnp.float64)
got = complex(jax.grad(lambda a: jax.scipy.stats.truncnorm.logpdf(10.5, a, 11.0))(x))
right = (9.108523120423271+0j)  # 9.10852312042327079532847113889372782121645165391150319132242
print('jax', jax.__version__, 'at x =', '9.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
