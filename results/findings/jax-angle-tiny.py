"""Jax's derivative of arctan2, which angle goes through, divides by the squared modulus, which underflows for
tiny z and overflows for huge z. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-170-1e-170j)
got = complex(jax.jvp(jnp.angle, (x,), (jnp.ones_like(x),))[1])
right = (5e+169+0j)  # 5.0000000000000000832725047556908747046332505332323303909449e+169
print('jax', jax.__version__, 'at x =', '1e-170-1e-170j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
