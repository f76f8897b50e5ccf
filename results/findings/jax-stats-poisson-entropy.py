"""Jax's entropy of poisson for mu of 100 or more leaves out the terms after 1/(12 mu) of its expansion: six
digits are right at 100. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(100.0).astype(jnp.float64)
got = complex(jax.scipy.stats.poisson.entropy(x))
right = (3.7206860734209406+0j)  # 3.7206860734209406480205434133122040696847211844887786110727
print('jax', jax.__version__, 'at x =', '100.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 2e-07 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
