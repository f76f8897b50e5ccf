"""Torch's variance of Weibull is exp(lgamma(1 + 2/k)) - exp(2 lgamma(1 + 1/k)), which cancels for large k: 66
times too large at 1e9. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e9, dtype=torch.float64)
got = complex(torch.distributions.Weibull(0 * x + 1, x).variance)
right = (1.6449340625451492e-18+0j)  # 0.00000000000000000164493406254514921964160269744288269930592809971345967933654
print('torch', torch.__version__, 'at x =', '1e9', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
