"""Torch's derivative of expm1 takes exp(x) as expm1(x) + 1, which cancels on the left: few digits from -25 on,
0 from -38 on. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-40.0, dtype=torch.float64)
got = complex(torch.func.grad(torch.expm1)(x))
right = (4.248354255291589e-18+0j)  # 0.00000000000000000424835425529158899532923478285865801787956555416644628805082
print('torch', torch.__version__, 'at x =', '-40.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
