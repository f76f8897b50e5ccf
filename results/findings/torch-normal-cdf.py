"""Torch's cdf of Normal is (1 + erf(x / sqrt 2)) / 2, which cancels in the left tail: 0 from -8.3 on. Seen
with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-9.0, dtype=torch.float64)
got = complex(torch.distributions.Normal(0 * x, 0 * x + 1).cdf(x))
right = (1.1285884059538405e-19+0j)  # 0.000000000000000000112858840595384064773550207596874725798004190081816494888735
print('torch', torch.__version__, 'at x =', '-9.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
