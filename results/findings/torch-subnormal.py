"""Torch divides by a modulus that is subnormal, or by its square: infinity, NaN or few digits in the value.
Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(3e-320+4e-320j, dtype=torch.complex128)
got = complex(torch.log1p(x))
right = (3e-320+4e-320j)  # (2.9999666015480490162401257103e-320 + 3.99995546873073202165350094706e-320j)
print('torch', torch.__version__, 'at x =', '3e-320+4e-320j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
