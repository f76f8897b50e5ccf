"""Jax's derivatives of arcsin and arccos square z, which overflows from |z| = 1e154 on (1e19 in single
precision): 0 instead of a number near 1/z. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160+1e160j)
got = complex(jax.jvp(jnp.arcsin, (x,), (jnp.ones_like(x),))[1])
right = (5e-161+5e-161j)  # (4.99999999999999996735796127466e-161 + 4.99999999999999996735796127466e-161j)
print('jax', jax.__version__, 'at x =', '1e160+1e160j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
