"""The function has reached its limit to within rounding: a derivative far below the rounding of the value
comes out as 0, or with few digits, from formulas that use the value. Seen with jax 0.10.2; exits with 0
where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(38.0).astype(jnp.float64)
got = complex(jax.grad(jax.nn.sigmoid)(x))
right = (3.1391327920480296e-17+0j)  # 0.0000000000000000313913279204802943162587093000676835039022193365647120807027
print('jax', jax.__version__, 'at x =', '38.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
