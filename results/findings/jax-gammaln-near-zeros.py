"""Jax's gammaln subtracts numbers near 1/2 next to 1 and 2, where it is 0: four digits at 1 + 1e-12. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1.000000000001).astype(jnp.float64)
got = complex(jax.scipy.special.gammaln(x))
right = (-5.772669797094564e-13+0j)  # -0.000000000000577266979709456347820279295057491420684911439254132379336118
print('jax', jax.__version__, 'at x =', '1.000000000001', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
