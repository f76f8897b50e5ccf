"""Jax's second derivative of tanh cancels near 0: it is 0 at 1e-17, where it is -2e-17, and has few digits
before. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-17).astype(jnp.float64)
got = complex(jax.grad(jax.grad(jnp.tanh))(x))
right = (-2e-17+0j)  # -0.0000000000000000200000000000000014308484810924384875038944570317977155173536
print('jax', jax.__version__, 'at x =', '1e-17', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
