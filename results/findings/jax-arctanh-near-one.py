"""Jax's complex arctanh is infinite beside 1 and -1, for imaginary parts below 1e-154, whose square is
subnormal or 0; it is about 200 there. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1+1e-170j)
got = complex(jnp.arctanh(x))
right = (196.06630649477387+0.7853981633974483j)  # (196.066306494773855804565140184 + 0.78539816339744830961566084582j)
print('jax', jax.__version__, 'at x =', '1+1e-170j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
