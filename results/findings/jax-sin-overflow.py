"""Jax's complex sin and cos are infinite for imaginary parts from 709.79 to 710.47 in size, where both of
their parts are finite. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(0.5+710.2j)
got = complex(jnp.sin(x))
right = (6.54082028786382e+307+1.1972891226862429e+308j)  # (6.54082028786382039571611353002e+307 + 1.19728912268624285221834850541e+308j)
print('jax', jax.__version__, 'at x =', '0.5+710.2j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
