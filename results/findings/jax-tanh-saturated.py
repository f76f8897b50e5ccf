"""Jax's derivative of tanh is 1 - tanh(x)^2, which loses its digits where tanh is near 1 (10 % at 17); torch's
is the same. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(17.0).astype(jnp.float64)
got = complex(jax.grad(jnp.tanh)(x))
right = (6.855633726168028e-15+0j)  # 0.00000000000000685563372616802836535398768394103899797250784270266271912136
print('jax', jax.__version__, 'at x =', '17.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
