"""Torch's derivative of a power by its complex exponent is NaN at a base of 0, where it is 0. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0j, 1+1j], dtype=torch.complex128)
got = complex(torch.func.jvp(lambda w: torch.pow(x[0], w), (x[1],), (torch.ones_like(x[1]),))[1])
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '[0j, 1+1j]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
