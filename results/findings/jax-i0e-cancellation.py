"""Jax's derivative of i0e is i1e - sign(x) i0e, two numbers that are nearly equal for large x: few digits from
1e10 on, 0 from 1e16 on; i1e has the same difference in its own. Seen with jax 0.10.2; exits with 0 where it
is confirmed."""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import jax.numpy as jnp
x = jnp.array(1e16).astype(jnp.float64)
got = complex(jax.grad(jax.scipy.special.i0e)(x))
right = (-1.9947114020071634e-25+0j)  # -1.99471140200716346450140787494054346877645207495506554066746e-25
print('jax', jax.__version__, 'at x =', '1e16', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
