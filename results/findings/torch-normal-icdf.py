"""Torch's icdf of Normal is erfinv(2 p - 1), in which a small p is lost: -inf below 1e-17, where it is -8.5
and less; torch.special.ndtri is right. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.Normal(0 * x, 0 * x + 1).icdf(x))
right = (-9.262340089798407+0j)  # -9.26234008979840757957209460428223610480119871671951091535932
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
