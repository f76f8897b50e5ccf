"""Torch's complex acos is pi/2 - asin, which cancels near 1: one digit of the real part is right at a distance
of 1e-30. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1+1e-30j, dtype=torch.complex128)
got = complex(torch.acos(x))
right = (1e-15-1e-15j)  # (1.00000000000000004166821030379e-15 - 1.00000000000000004166821030379e-15j)
print('torch', torch.__version__, 'at x =', '1+1e-30j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
