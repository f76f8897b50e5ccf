"""Jax's cdf of gennorm is (1 + sign(x) gammainc(1/p, |x|^p)) / 2, which cancels in the left tail: 0 from -30
on for p = 1.3. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-30.0).astype(jnp.float64)
got = complex(jax.scipy.stats.gennorm.cdf(x, 1.3))
right = (1.0733763434124893e-37+0j)  # 1.07337634341248920517645880766937482312334779904344419550411e-37
print('jax', jax.__version__, 'at x =', '-30.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
