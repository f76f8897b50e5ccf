"""Torch's log_prob of VonMises has about seven digits in double precision: the coefficients of its Bessel
functions are those of single precision. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(5.0, dtype=torch.float64)
got = complex(torch.distributions.VonMises(0 * x, x).log_prob(0 * x))
right = (-0.14255884223187892+0j)  # -0.14255884223187891740649056915718756151560888352777800881855
print('torch', torch.__version__, 'at x =', '5.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-09 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
