"""Jax's logpdf of t subtracts lgamma(df / 2) from lgamma((df + 1) / 2): three digits for 1e12 degrees of
freedom, none for 1e15. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e15).astype(jnp.float64)
got = complex(jax.scipy.stats.t.logpdf(0.5, x))
right = (-1.0439385332046731+0j)  # -1.04393853320467310115532973640560461902806414026489929823382
print('jax', jax.__version__, 'at x =', '1e15', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
