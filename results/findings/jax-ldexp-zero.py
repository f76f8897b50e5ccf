"""Jax's ldexp hands a zero through as it is: its derivative at x = 0 is 1, where it is 2 ** n. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0, 1]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.ldexp(t, 3))(x[1] * x[0]))
right = (8+0j)  # 8.0
print('jax', jax.__version__, 'at x =', '[0, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
