"""Jax's complex gamma takes log(sin(pi z)) left of 1/2, which overflows for imaginary parts above 226: 0 at
-1/2+300j, where it is 1.8e-207. Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-0.5+300j)
got = complex(jax.scipy.special.gamma(x))
right = (-9.760049091627542e-208+1.5632983579858933e-207j)  # (-9.76004909162754138068767913012e-208 + 1.56329835798589340844791865402e-207j)
print('jax', jax.__version__, 'at x =', '-0.5+300j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
