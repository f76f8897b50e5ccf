"""Torch's zeta(s, q) raises q to -s before it multiplies by q: 0 for large q far above the smallest number;
polygamma(2, x) is 0 from 1e108 on. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e120, dtype=torch.float64)
got = complex(torch.polygamma(2, x))
right = (-1.0000000000000001e-240+0j)  # -1.00000000000000003999306330521159883624622401520281373310211e-240
print('torch', torch.__version__, 'at x =', '1e120', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
