"""Torch's gammaincc takes lgamma(1 + a), in which a small a is rounded, for x below 1: twice what is right for
a = 1e-17, x = 1/2. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([1e-17, 0.5], dtype=torch.float64)
got = complex(torch.special.gammaincc(x[0], x[1]))
right = (5.5977359477616085e-18+0j)  # 0.00000000000000000559773594776160854728153750214908768643372537402613374427998
print('torch', torch.__version__, 'at x =', '[1e-17, 0.5]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
