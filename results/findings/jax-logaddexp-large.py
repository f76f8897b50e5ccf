"""Jax's derivative of logaddexp is exp(x - out), in which log 2 is lost to rounding for large arguments that
are nearly equal: 1 in place of 1/2 for 1e17; logaddexp2 likewise, of complex numbers a large phase, and
cumlogsumexp, which is differentiated as a scan of logaddexp; that of logsumexp is right. Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e17, 1e17]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jnp.logaddexp(t, x[1]))(x[0]))
right = (0.5+0j)  # 0.5
print('jax', jax.__version__, 'at x =', '[1e17, 1e17]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
