"""Torch's trigamma, the derivative of digamma, takes the sine of pi x rounded, near 0 beside a negative
integer: three digits at -1 + 1e-13, on both sides. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(-0.9999999999999, dtype=torch.float64)
got = complex(torch.func.grad(torch.digamma)(x))
right = (9.993783995659857e+25+0j)  # 99937839956598577355520635.3419423237978571757791222427489243
print('torch', torch.__version__, 'at x =', '-0.9999999999999', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
