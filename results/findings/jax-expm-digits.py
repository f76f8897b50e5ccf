"""Jax's expm scales a matrix to twice the norm that its approximant is good for, up to seven digits are lost
in double precision. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1.15).astype(jnp.float64)
got = complex(jax.scipy.linalg.expm(x * jnp.array([[5.0, 3], [4, 6]]))[0, 0])
right = (13401.575026949711+0j)  # 13401.5750269497114862182931680977621947142980150201396116044
print('jax', jax.__version__, 'at x =', '1.15', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-11 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
