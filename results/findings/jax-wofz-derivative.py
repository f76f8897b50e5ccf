"""Jax's derivative of wofz, and with it of complex erfcx, is 2i/sqrt(pi) - 2 z w(z), which cancels for large
z: three digits at 1e6, one at 1e8. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e6+1e6j)
got = complex(jax.jvp(jax.scipy.special.wofz, (x,), (jnp.ones_like(x),))[1])
right = (-2.8209479177387814e-13+2.115710938304086e-25j)  # (-2.82094791773878143474039461317e-13 + 2.11571093830408607605529331524e-25j)
print('jax', jax.__version__, 'at x =', '1e6+1e6j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
