"""Jax's derivative of gelu with approximate='tanh' is NaN from 1e155 on, on both sides: the square of the
argument is infinite where the slope of tanh is 0. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.grad(jax.nn.gelu)(x))
right = (1+0j)  # 1.0
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
