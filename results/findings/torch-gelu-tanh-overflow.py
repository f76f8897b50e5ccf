"""Torch's derivative of gelu with approximate='tanh' is NaN from 1e155 on, on both sides: the square of the
argument is infinite where the slope of tanh is 0. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1e160, dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.nn.functional.gelu(t, approximate='tanh'))(x))
right = (1+0j)  # 1.0
print('torch', torch.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
