"""A square or a product overflows in the formula, and each framework is left with other infinities and NaN.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.grad(jax.grad(lambda s: jnp.abs((s + 1j) * x)))(1.0))
right = (3.535533905932738e+159+0j)  # 3.53553390593273764508562874496684824198231693934048127257405e+159
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
