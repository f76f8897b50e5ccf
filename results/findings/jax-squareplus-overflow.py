"""Jax's squareplus squares its argument: infinite from 1.4e154 on (1.85e19 in single precision, 256 in
float16), where it is x. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.nn.squareplus(x))
right = (1e+160+0j)  # 1.00000000000000000652840774506822655684566421488862671184488e+160
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
