"""Torch's reverse derivative of polar by the radius has the sign of the radius: 0 at radius 0 and negated
below; forward mode is right. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0, 0.7], dtype=torch.float64)
got = complex(torch.func.grad(lambda r: torch.polar(r, x[1]).real)(x[0]))
right = (0.7648421872844885+0j)  # 0.764842187284488454864872359873962915850958139067464911514218
print('torch', torch.__version__, 'at x =', '[0, 0.7]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
