"""Jax evaluates sign of a complex number as z/|z|, but gives it the derivative 0 of the real sign. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([3+4j, 1j])
got = complex(jax.jvp(jnp.sign, (x[0],), (x[1],))[1])
right = (-0.096+0.072j)  # (-0.096 + 0.072j)
print('jax', jax.__version__, 'at x =', '[3+4j, 1j]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
