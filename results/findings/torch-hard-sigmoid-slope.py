"""Torch holds the slope 1/6 of hardsigmoid in single precision and uses it in double. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(0.5, dtype=torch.float64)
got = complex(torch.func.grad(torch.nn.functional.hardsigmoid)(x))
right = (0.16666666666666666+0j)  # 0.166666666666666666666666666666666666666666666666666666666667
print('torch', torch.__version__, 'at x =', '0.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-12 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
