"""Jax differentiates complex arccosh as 1/sqrt((z-1)(z+1)), which in the left half plane is minus the
derivative 1/(sqrt(z-1) sqrt(z+1)). Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-2+1j)
got = complex(jax.vjp(jnp.arccosh, x)[1](jnp.ones_like(x))[0])
right = (-0.4022479320953552-0.24860289393928922j)  # (-0.402247932095355196022941977521 - 0.248602893939289220053835907145j)
print('jax', jax.__version__, 'at x =', '-2+1j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
