"""Torch's derivatives of asinh and acosh square their argument, which overflows from 1e154 on (1e19 in single
precision): 0 or NaN instead of a number near 1/z. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1e160, dtype=torch.float64)
got = complex(torch.func.grad(torch.asinh)(x))
right = (1e-160+0j)  # 9.99999999999999993471592254931773485774443470978179599170163e-161
print('torch', torch.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
