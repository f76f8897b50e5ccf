"""Torch's sinc is NaN from 6e307 on, where pi x overflows. Seen with torch 2.13.0+cpu; exits with 0 where it
is confirmed."""
import sys
import torch
x = torch.tensor(1e308, dtype=torch.float64)
got = complex(torch.sinc(x))
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '1e308', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
