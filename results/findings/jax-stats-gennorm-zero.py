"""Jax's derivative of the cdf of gennorm is NaN at 0, where it is the density. Seen with jax 0.10.2; exits
with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 1.3]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.stats.gennorm.cdf(t, x[1]))(x[0]))
right = (0.5413735408549868+0j)  # 0.541373540854986785561159985387972770215837069459864579322474
print('jax', jax.__version__, 'at x =', '[0, 1.3]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
