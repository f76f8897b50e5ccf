"""Torch's second derivative of a power by its exponent is NaN at a base of 0, where a power with a positive
exponent is constant; the first is right. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0, 2], dtype=torch.float64)
got = complex(torch.func.grad(torch.func.grad(lambda t: torch.pow(x[0], t)))(x[1]))
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '[0, 2]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
