"""Jax's complex exp2 takes the exponential of z log 2 rounded: few digits are right where the imaginary part
is from 1e10 on, none from 1e17 on. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e16j)
got = complex(jnp.exp2(x))
right = (0.9785579807162207-0.205971547492834j)  # (0.978557980716220633378694791284 - 0.205971547492833987835684811278j)
print('jax', jax.__version__, 'at x =', '1e16j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
