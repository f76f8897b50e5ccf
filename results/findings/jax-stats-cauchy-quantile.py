"""Jax's ppf of cauchy is tan(pi q - pi/2), which loses a small q: -1.6e16 for every q below 1e-17. Seen with
jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e-17).astype(jnp.float64)
got = complex(jax.scipy.stats.cauchy.ppf(x))
right = (-3.1830988618379064e+16+0j)  # -31830988618379064.876510666860583752471165594694924066179783
print('jax', jax.__version__, 'at x =', '1e-17', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
