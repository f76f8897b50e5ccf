"""Torch's icdf of Laplace takes log1p(-2 |p - 1/2|), in which a small p is lost: -inf below 1e-17, where it is
log(2 p). Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.Laplace(0 * x, 0 * x + 1).icdf(x))
right = (-45.35855467932097+0j)  # -45.3585546793209684257893255180195374362988420232391843800932
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
