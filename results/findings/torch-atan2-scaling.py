"""Torch's derivative of atan2 divides by y^2 + x^2, which underflows below 1e-162 (the derivative becomes 0)
and overflows from 1e154 on (0 again). Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([1e-200, 1e-200], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.atan2(t, x[1]))(x[0]))
right = (5e+199+0j)  # 5.00000000000000008949868800458620362173097196200371864900561e+199
print('torch', torch.__version__, 'at x =', '[1e-200, 1e-200]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
