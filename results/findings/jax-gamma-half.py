"""Jax's gamma is exp(lgamma(x)) with the logarithm rounded to the precision of x: 27 % off at 30 in bfloat16.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(30.0).astype(jnp.float64)
got = complex(jax.scipy.special.gamma(x.astype(jnp.bfloat16)).astype(x.dtype))
right = (8.841761993739702e+30+0j)  # 8841761993739701954543616000000.0
print('jax', jax.__version__, 'at x =', '30.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 0.02 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
