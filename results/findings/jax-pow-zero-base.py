"""Jax.numpy.power of 0 and a complex exponent with a positive real part is NaN, where it is 0; so are its
derivatives. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0j, 1+1j])
got = complex(jnp.power(x[0], x[1]))
right = 0j  # 0.0
print('jax', jax.__version__, 'at x =', '[0j, 1+1j]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
