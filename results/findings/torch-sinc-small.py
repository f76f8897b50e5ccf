"""Torch's derivative of sinc subtracts two nearly equal numbers: no digits, 0 or NaN near 0, and a Hessian of
0 at 0. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-7, dtype=torch.float64)
got = complex(torch.func.grad(torch.sinc)(x))
right = (-3.28986813369642e-07+0j)  # -0.000000328986813369642025437507410565300334545092137304939432426148
print('torch', torch.__version__, 'at x =', '1e-7', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
