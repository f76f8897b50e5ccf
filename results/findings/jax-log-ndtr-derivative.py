"""Jax's derivative of log_ndtr is exp of the log density less the result, both near -x^2/2, which cancels far
on the left: 2e-5 off at -1e6, no digit right at -1e8; the second derivative is 3170 in place of -1 at -1e5.
Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-1e8).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.log_ndtr)(x))
right = (100000000.00000001+0j)  # 100000000.000000009999999999999998000000000000001
print('jax', jax.__version__, 'at x =', '-1e8', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
