"""Torch's icdf of Cauchy is tan(pi (p - 1/2)), in which a small p is lost: -1.6e16 for every p below 1e-17.
Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.Cauchy(0 * x, 0 * x + 1).icdf(x))
right = (-3.1830988618379067e+19+0j)  # -31830988618379068899.6023447708843780106654536927540762154785
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
