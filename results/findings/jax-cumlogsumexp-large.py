"""Jax's derivative of cumlogsumexp takes exp of differences with rounded partial results: 1 in place of 1/2
for two entries of 1e17; that of logsumexp does not. Seen with jax 0.10.2; exits with 0 where it is
confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e17, 1e17]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.lax.cumlogsumexp(jnp.stack([t, x[1]]))[1])(x[0]))
right = (0.5+0j)  # 0.5
print('jax', jax.__version__, 'at x =', '[1e17, 1e17]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
