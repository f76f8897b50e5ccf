"""Jax's exp2 in half precision is exp(x log 2) with the product rounded to half: 56 % off at -117.5 in
bfloat16, up to 0.7 % in float16; logaddexp2 likewise. Seen with jax 0.10.2; exits with 0 where it is
confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(-117.5).astype(jnp.float64)
got = complex(jnp.exp2(x.astype(jnp.bfloat16)).astype(x.dtype))
right = (4.2557441367701404e-36+0j)  # 4.25574413677014007761592587936368823368412327089456563712889e-36
print('jax', jax.__version__, 'at x =', '-117.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 0.02 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
