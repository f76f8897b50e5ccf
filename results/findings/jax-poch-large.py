"""Jax's poch(z, m) is gamma(z + m) / gamma(z): NaN for z + m above 172, where it is about z^m, and so are its
derivatives. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(200.0).astype(jnp.float64)
got = complex(jax.scipy.special.poch(x, 2.5))
right = (570995.902187678+0j)  # 570995.902187677985061793950202344535733848132889160884767146
print('jax', jax.__version__, 'at x =', '200.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
