"""Torch's erf of bfloat16 is 0 below 1.8e-7, and without its digits below 3e-6, where it is 1.128 x: at 40 %
of all bfloat16 numbers. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(9.313225746154785e-10, dtype=torch.float64)
got = complex(torch.erf(x.bfloat16()))
right = (1.050884991041862e-09+0j)  # 0.00000000105088499104186200869262336252963931391901838137209493827252
print('torch', torch.__version__, 'at x =', '9.313225746154785e-10', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 0.02 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
