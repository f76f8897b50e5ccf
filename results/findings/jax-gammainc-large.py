"""Jax's derivative of gammainc is exp(-x + (a - 1) log x - lgamma(a)), whose terms cancel for large a: 1e-5
off at a = 1e10, no digit right at 1e15; the value has such a factor too (2e-3 off at 1e12). Seen with jax
0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e15, 1e15]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.gammainc(x[0], t))(x[1]))
right = (1.2615662610100799e-08+0j)  # 0.000000012615662610100799189930530103428443434374995479602816775839
print('jax', jax.__version__, 'at x =', '[1e15, 1e15]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
