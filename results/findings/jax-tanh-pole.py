"""Jax's complex tanh loses digits next to its poles: six are left at a distance of 1e-10, four at 1e-12. Seen
with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-12+1.5707963267948966j)
got = complex(jnp.tanh(x))
right = (999999996250.6006+61232339.72778316j)  # (999999996250.600577516704724076 + 61232339.727783160019435775811j)
print('jax', jax.__version__, 'at x =', '1e-12+1.5707963267948966j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
