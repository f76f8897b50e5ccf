"""Jax.nn.dot_product_attention computes its weights in single precision whatever the precision of its
arguments. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([0.3, 1]).astype(jnp.float64)
q, k, v = (jnp.array(a).reshape(1, -1, 1, 1) for a in ([x[0]], [0, 1.0], [0, x[1]]))
got = complex(jax.nn.dot_product_attention(q, k, v)[0, 0, 0, 0])
right = (0.574442516811659+0j)  # 0.574442516811658984438038803234060322939637481720167022750864
print('jax', jax.__version__, 'at x =', '[0.3, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-12 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
