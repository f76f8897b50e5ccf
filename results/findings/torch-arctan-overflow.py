"""Torch's derivatives of atan and atanh square z, which overflows from |z| = 1e154 on: NaN instead of 1/z^2.
Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e155+1e155j, dtype=torch.complex128)
got = complex(torch.func.jvp(torch.atan, (x,), (torch.ones_like(x),))[1])
right = -5e-311j  # (2.4999999999999999282376845909e-621 - 4.9999999999999999282376845909e-311j)
print('torch', torch.__version__, 'at x =', '1e155+1e155j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
