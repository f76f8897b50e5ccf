"""Jax's derivative of expm1 takes exp(x) as expm1(x) + 1, which cancels on the left: few digits from -25 on, 0
from -38 on. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-40.0).astype(jnp.float64)
got = complex(jax.grad(jnp.expm1)(x))
right = (4.248354255291589e-18+0j)  # 0.00000000000000000424835425529158899532923478285865801787956555416644628805082
print('jax', jax.__version__, 'at x =', '-40.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
