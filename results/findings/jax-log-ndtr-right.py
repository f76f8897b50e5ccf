"""Jax's log_ndtr has few correct digits between 5 and 8 (6.5e-7 at 6, 7 % at 8); beyond 8 it is right again.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(7.5).astype(jnp.float64)
got = complex(jax.scipy.special.log_ndtr(x))
right = (-3.190891672910947e-14+0j)  # -0.0000000000000319089167291094713671562960629911811234921080405310763805885
print('jax', jax.__version__, 'at x =', '7.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-07 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
