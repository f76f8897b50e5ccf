"""Torch's derivatives of asin and acos square z, which overflows from |z| = 1e154 on (1e19 in single
precision): NaN instead of a number near 1/z. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1e160+1e160j, dtype=torch.complex128)
got = complex(torch.func.jvp(torch.asin, (x,), (torch.ones_like(x),))[1])
right = (5e-161+5e-161j)  # (4.99999999999999996735796127466e-161 + 4.99999999999999996735796127466e-161j)
print('torch', torch.__version__, 'at x =', '1e160+1e160j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
