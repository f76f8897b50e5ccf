"""Jax's spence takes log(1 - x), which is 0 below 1e-16, where the derivative needs log1p(-x): it is off by 1
there, -47.05 in place of -46.05 at 1e-20. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-20).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.spence)(x))
right = (-46.051701859880914+0j)  # -46.0517018598809137356670746580765231164731609943745981421502
print('jax', jax.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
