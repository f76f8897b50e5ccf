"""Torch's cdf of Cauchy is 1/2 + atan(x)/pi, which cancels in the left tail: four digits at -1e12, 0 at -1e17.
Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-1e17, dtype=torch.float64)
got = complex(torch.distributions.Cauchy(0 * x, 0 * x + 1).cdf(x))
right = (3.1830988618379066e-18+0j)  # 0.00000000000000000318309886183790671537767526745028713458589752021223846236417
print('torch', torch.__version__, 'at x =', '-1e17', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
