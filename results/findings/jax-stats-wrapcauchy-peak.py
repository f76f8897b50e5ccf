"""Jax's logpdf of wrapcauchy takes log(1 + c^2 - 2 c cos(x)), which cancels for c near 1 and x near 0:
infinite at c = 1 - 1e-9, where it is 19.6. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 0.999999999]).astype(jnp.float64)
got = complex(jax.scipy.stats.wrapcauchy.logpdf(x[0], x[1]))
right = (19.578535978878943+0j)  # 19.5785359788789428593935731973713137560145345425088342552119
print('jax', jax.__version__, 'at x =', '[0, 0.999999999]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
