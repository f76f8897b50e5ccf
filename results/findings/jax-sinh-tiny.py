"""Jax's complex sinh loses the real part of tiny arguments: sinh(z) is 0 where it is z, and so is the
derivative of cosh. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-20+1e-20j)
got = complex(jnp.sinh(x))
right = (1e-20+1e-20j)  # (9.9999999999999994515327145421e-21 + 9.9999999999999994515327145421e-21j)
print('jax', jax.__version__, 'at x =', '1e-20+1e-20j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
