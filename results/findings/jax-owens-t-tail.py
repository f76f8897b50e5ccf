"""Jax's owens_t has three digits where h is large and a moderate (h = 25, a = 1/2). Seen with jax 0.10.2;
exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([25, 0.5]).astype(jnp.float64)
got = complex(jax.scipy.special.owens_t(x[0], x[1]))
right = (1.5283483531912805e-138+0j)  # 1.52834835319128045820137433563059824530279242908388349189805e-138
print('jax', jax.__version__, 'at x =', '[25, 0.5]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
