"""Jax's derivative of ldexp at a subnormal x is NaN by pullbacks and 1 by pushforwards, where it is 2 ** n: it
divides by a power of two that is too large to hold, and takes x for zero. Seen with jax 0.10.2; exits with
0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-310).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.ldexp(t, 3))(x))
right = (8+0j)  # 8.0
print('jax', jax.__version__, 'at x =', '1e-310', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
