"""Jax's betaln has seven correct digits in double precision where the larger argument is from 8 to about 100,
and so has beta: its algdiv takes h / (1 + h) where the series that it follows has 1 / (1 + h). Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(8.0).astype(jnp.float64)
got = complex(jax.scipy.special.beta(x, 2.5))
right = (0.005911941515656686+0j)  # 0.00591194151565668593532370622153903887650017680977433299414724
print('jax', jax.__version__, 'at x =', '8.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-08 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
