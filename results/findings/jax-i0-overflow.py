"""Jax's i0 and i1 multiply by exp(|x|), which is infinite from 709.8 on, where they are finite up to 713.9.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(712.0).astype(jnp.float64)
got = complex(jax.scipy.special.i0(x))
right = (2.4684110577627523e+307+0j)  # 2.46841105776275242978098542843452975351193983987814859498152e+307
print('jax', jax.__version__, 'at x =', '712.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
