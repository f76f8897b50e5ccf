"""Jax's gammaincc is 1 - gammainc for x below 1, which cancels for small a: 1.2e-15 in place of 5.6e-18 for a
= 1e-17. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array([1e-17, 0.5]).astype(jnp.float64)
got = complex(jax.scipy.special.gammaincc(x[0], x[1]))
right = (5.5977359477616085e-18+0j)  # 0.00000000000000000559773594776160854728153750214908768643372537402613374427998
print('jax', jax.__version__, 'at x =', '[1e-17, 0.5]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
