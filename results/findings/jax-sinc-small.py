"""Jax's derivative of sinc subtracts two nearly equal numbers: few digits or none near 0. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-7).astype(jnp.float64)
got = complex(jax.grad(jnp.sinc)(x))
right = (-3.28986813369642e-07+0j)  # -0.000000328986813369642025437507410565300334545092137304939432426148
print('jax', jax.__version__, 'at x =', '1e-7', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
