"""Torch's cdfs of HalfNormal and HalfCauchy are 2 F(x) - 1 with the F of the whole line, which cancels near 0:
0 below 1e-16, where they are in proportion to x. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.HalfNormal(0 * x + 1).cdf(x))
right = (7.978845608028654e-21+0j)  # 7.97884560802865312118534202636789729316502005712312304470138e-21
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
