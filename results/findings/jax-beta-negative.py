"""Jax's derivative of beta is NaN where an argument is negative, though its value is right there. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-3.3).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.beta(t, 2.5))(x))
right = (-0.7780632002385993+0j)  # -0.778063200238599322998772113898718445580026400103722426052795
print('jax', jax.__version__, 'at x =', '-3.3', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
