"""Torch's derivative of the modulus of a complex number is NaN or wrong where the modulus is subnormal. Seen
with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(3e-320+4e-320j, dtype=torch.complex128)
got = complex(torch.func.vjp(torch.abs, x)[1](torch.ones_like(x.real))[0])
right = (0.6+0.8j)  # (0.6 + 0.8j)
print('torch', torch.__version__, 'at x =', '3e-320+4e-320j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
