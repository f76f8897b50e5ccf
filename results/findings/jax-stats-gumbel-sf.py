"""Jax's sf of gumbel_r is 1 - cdf, which cancels in the right tail: 0 from 37 on; its logsf is right there.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(40.0).astype(jnp.float64)
got = complex(jax.scipy.stats.gumbel_r.sf(x))
right = (4.248354255291589e-18+0j)  # 0.00000000000000000424835425529158898630497784363158216909833722361964188934612
print('jax', jax.__version__, 'at x =', '40.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
