"""Jax's complex logaddexp brings its imaginary part between -pi and pi by adding pi, taking the remainder and
subtracting pi, which rounds a small one away: at -40+1j and 0 it is e^-40 cos(1), without the imaginary
part; so are complex softplus and log_sigmoid. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-40+1j)
got = complex(jnp.logaddexp(x, jnp.zeros_like(x)))
right = (2.295395600278769e-18+3.574866839013031e-18j)  # (2.29539560027876904765234232973e-18 + 3.57486683901303115248989675805e-18j)
print('jax', jax.__version__, 'at x =', '-40+1j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
