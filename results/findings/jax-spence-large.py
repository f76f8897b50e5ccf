"""Jax's derivative of spence is 0 for huge x, where it is log(x) / (1 - x). Seen with jax 0.10.2; exits with 0
where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e200).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.spence)(x))
right = (-4.6051701859880914e-198+0j)  # -4.6051701859880915071174373413863253982173474573900376940793e-198
print('jax', jax.__version__, 'at x =', '1e200', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
