"""Jax's Hessian of the modulus is NaN or 0 for tiny z. Seen with jax 0.10.2; exits with 0 where it is
confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-170).astype(jnp.float64)
got = complex(jax.grad(jax.grad(lambda s: jnp.abs((s + 1j) * x)))(1.0))
right = (3.5355339059327373e-171+0j)  # 3.5355339059327375631216690113862007207844960817988095918019e-171
print('jax', jax.__version__, 'at x =', '1e-170', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
