"""Jax's derivative of complex tan is 1 + tan(z)^2, which cancels where |Im z| is above 10 and is wrong from 18
on. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1+18j)
got = complex(jax.jvp(jnp.tan, (x,), (jnp.ones_like(x),))[1])
right = (-3.86104835241894e-16+8.436544564015604e-16j)  # (-3.86104835241894025993021267687e-16 + 8.43654456401560382071073106083e-16j)
print('jax', jax.__version__, 'at x =', '1+18j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
