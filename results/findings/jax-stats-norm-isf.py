"""Jax's isf of norm is ppf(1 - q): infinite below 1e-17 and without its digits before; -ppf(q) would be exact.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-30).astype(jnp.float64)
got = complex(jax.scipy.stats.norm.isf(x))
right = (11.464024688443615+0j)  # 11.4640246884436157197669737713891164161745421767646864829291
print('jax', jax.__version__, 'at x =', '1e-30', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
