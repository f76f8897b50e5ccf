"""Torch's complex z ** -2, and with it the derivative of z ** -1, is NaN where z squared overflows, from
1.7e154 on. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(2e154+1e154j, dtype=torch.complex128)
got = complex(x ** -2)
right = (1.2e-309-1.6e-309j)  # (1.19999999999999991132589034866e-309 - 1.59999999999999988176785379821e-309j)
print('torch', torch.__version__, 'at x =', '2e154+1e154j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
