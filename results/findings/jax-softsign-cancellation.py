"""Jax's derivative of soft_sign is that of a quotient, 1/(1 + |x|) - |x|/(1 + |x|)^2, which cancels for large
x: half of the digits from 1e8 on, no digit right from 1e16 on. Seen with jax 0.10.2; exits with 0 where it
is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e17).astype(jnp.float64)
got = complex(jax.grad(jax.nn.soft_sign)(x))
right = (1e-34+0j)  # 9.99999999999999980000000000000000299999999999999996e-35
print('jax', jax.__version__, 'at x =', '1e17', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
