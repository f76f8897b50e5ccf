"""Jax's derivatives of arcsinh and arccosh square their argument, which overflows from 1e154 on (1e19 in
single precision): 0 instead of a number near 1/z. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.grad(jnp.arcsinh)(x))
right = (1e-160+0j)  # 9.99999999999999993471592254931773485774443470978179599170163e-161
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
