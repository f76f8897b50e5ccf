"""Torch's cdf of Exponential is 1 - exp(-rate x), which cancels near 0: 0 below 5e-17, where it is rate x;
that of Weibull goes through it. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.Exponential(0 * x + 1).cdf(x))
right = (1e-20+0j)  # 9.99999999999999945148271454209571652277987654911963382213527e-21
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
