"""Jax's sinc takes the sine of pi x rounded: few digits are right from 1e10 on, none from 1e16 on, and it is
NaN from 6e307 on, where the product overflows. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1000000000000000.25).astype(jnp.float64)
got = complex(jnp.sinc(x))
right = (2.2507907903927645e-16+0j)  # 0.000000000000000225079079039276461119030037932569865908634054346338679234346
print('jax', jax.__version__, 'at x =', '1000000000000000.25', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
