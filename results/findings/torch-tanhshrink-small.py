"""Torch's tanhshrink is x - tanh(x), which cancels near 0: half of the digits below 1e-4, 0 below 1e-8, and so
its derivative. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-9, dtype=torch.float64)
got = complex(torch.nn.functional.tanhshrink(x))
right = (3.3333333333333338e-28+0j)  # 3.33333333333333395481591457779860256426610488697851123457806e-28
print('torch', torch.__version__, 'at x =', '1e-9', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
