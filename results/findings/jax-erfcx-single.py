"""Jax's erfcx in single precision is 0 from 9.2 to 9.4, where it is 0.06: erfc is subnormal there, and taken
for 0 before it is multiplied by exp(x^2). Seen with jax 0.10.2; exits with 0 where it is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(9.3125).astype(jnp.float64)
got = complex(jax.scipy.special.erfcx(x.astype(jnp.float32)).astype(x.dtype))
right = (0.06024069242529227+0j)  # 0.0602406924252922739839429463855617875252750200818988286604804
print('jax', jax.__version__, 'at x =', '9.3125', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 0.001 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
