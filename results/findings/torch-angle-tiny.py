"""Torch's derivative of angle divides by the squared modulus, which underflows to 0 (NaN) for tiny z and
overflows (0) for huge z. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-170-1e-170j, dtype=torch.complex128)
got = complex(torch.func.jvp(torch.angle, (x,), (torch.ones_like(x),))[1])
right = (5e+169+0j)  # 5.0000000000000000832725047556908747046332505332323303909449e+169
print('torch', torch.__version__, 'at x =', '1e-170-1e-170j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
