"""Jax's rel_entr(p, q) is p log p - p log q, which cancels where q is near p, the more the larger they are:
-16 in place of -10 at 1e15 and 1e15 + 10; kl_div goes through it. Seen with jax 0.10.2; exits with 0 where
it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e15, 1000000000000010]).astype(jnp.float64)
got = complex(jax.scipy.special.rel_entr(x[0], x[1]))
right = (-9.99999999999995+0j)  # -9.99999999999995000000000000033333333333333083333333333335333
print('jax', jax.__version__, 'at x =', '[1e15, 1000000000000010]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
