"""Jax's derivative of betainc is exp of (b - 1) log1p(-x) + (a - 1) log x - betaln(a, b), whose terms cancel
for large a and b: half of a percent off at 1e12, no digit right at 1e15. Seen with jax 0.10.2; exits with 0
where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e15, 0.5]).astype(jnp.float64)
got = complex(jax.grad(lambda t: jax.scipy.special.betainc(x[0], x[0], t))(x[1]))
right = (35682482.32305542+0j)  # 35682482.3230554178304690370693741442298612758693934710358919
print('jax', jax.__version__, 'at x =', '[1e15, 0.5]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
