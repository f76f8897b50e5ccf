"""Torch's derivative of log_ndtr takes exp of the result plus x^2/2, which cancels far on the left: 1e-4 off
at -1e6, no digit right at -1e8. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-1e8, dtype=torch.float64)
got = complex(torch.func.grad(torch.special.log_ndtr)(x))
right = (100000000.00000001+0j)  # 100000000.000000009999999999999998000000000000001
print('torch', torch.__version__, 'at x =', '-1e8', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
