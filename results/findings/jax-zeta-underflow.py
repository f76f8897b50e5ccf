"""Jax's zeta(s, q) raises q to -s before it multiplies by q: 0 for large q far above the smallest number; the
derivative of digamma, zeta(2, x), is 0 from 7e153 on and polygamma(2, x) from 1e103 on. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.digamma)(x))
right = (1e-160+0j)  # 9.99999999999999993471592254931773485774443470978179599170163e-161
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
