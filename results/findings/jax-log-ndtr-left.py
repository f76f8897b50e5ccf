"""Jax's log_ndtr has eight correct digits in double precision in part of its left tail. Seen with jax 0.10.2;
exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-20.5).astype(jnp.float64)
got = complex(jax.scipy.special.log_ndtr(x))
right = (-214.0667289632638+0j)  # -214.066728963263800166530353549448273611951787400278881047728
print('jax', jax.__version__, 'at x =', '-20.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-13 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
