"""Jax's derivative of spence is NaN on (1, 2], and 0 at 1, a removable singularity, where it is -1. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1.5).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.spence)(x))
right = (-0.8109302162163288+0j)  # -0.810930216216328763956026230928698273143980846924988395228029
print('jax', jax.__version__, 'at x =', '1.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
