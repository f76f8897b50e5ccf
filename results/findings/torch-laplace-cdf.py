"""Torch's cdf of Laplace is 1/2 + expm1(x)/2 on the left, which cancels in the tail: 0 from -38 on, where it
is exp(x)/2. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-40.0, dtype=torch.float64)
got = complex(torch.distributions.Laplace(0 * x, 0 * x + 1).cdf(x))
right = (2.1241771276457944e-18+0j)  # 0.00000000000000000212417712764579449766461739142932900893978277708322314402541
print('torch', torch.__version__, 'at x =', '-40.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
