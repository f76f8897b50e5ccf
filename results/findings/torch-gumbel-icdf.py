"""Torch's icdf of Gumbel takes 1 - p for each decreasing map of its chain, in which a small p is lost: -6.6
for every p below 1e-17. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-20, dtype=torch.float64)
got = complex(torch.distributions.Gumbel(0 * x, 0 * x + 1).icdf(x))
right = (-3.829764718801947+0j)  # -3.82976471880194679442941820189419723383249439810260008585796
print('torch', torch.__version__, 'at x =', '1e-20', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
