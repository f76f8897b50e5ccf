"""Jax's derivative of dawsn is 1 - 2 x dawsn(x), which cancels for large x: 0 from 1e8 on. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e8).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.dawsn)(x))
right = (-5.0000000000000005e-17+0j)  # -0.000000000000000050000000000000007500000000000001875
print('jax', jax.__version__, 'at x =', '1e8', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
