"""Jax's second derivatives of singular values divide by products of their sums and differences: NaN where
these are beyond 1e154 or below 1e-154. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e160).astype(jnp.float64)
got = complex(jax.hessian(lambda t: jnp.sum(jnp.linalg.svd(x * jnp.array([[4.0, 1.0 + t], [1.0, 3.0]]), compute_uv=False)))(0.0))
right = (1.4285714285714287e+159+0j)  # 1.42857142857142858075486820724032365263666316412660958834983e+159
print('jax', jax.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
