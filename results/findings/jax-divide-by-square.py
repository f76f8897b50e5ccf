"""Jax's derivative of x / y by y divides by y^2, which underflows or overflows. Seen with jax 0.10.2; exits
with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-170).astype(jnp.float64)
got = complex(jax.grad(lambda t: x / t)(x))
right = (-1e+170+0j)  # -1.00000000000000001665450095113817494092665010664646607818898e+170
print('jax', jax.__version__, 'at x =', '1e-170', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
