"""The derivative of LU divides by a pivot that is 0, also where the factors are smooth. Seen with jax 0.10.2;
exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1, 0]).astype(jnp.float64)
f = lambda t: jax.scipy.linalg.lu(jnp.array([[2 + t, x[0]], [1.0, x[0] / 2 + x[1]]]))[1][1, 0]
got = complex(jax.jvp(f, (0.0,), (1.0,))[1])
right = (-0.25+0j)  # -0.25
print('jax', jax.__version__, 'at x =', '[1, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
