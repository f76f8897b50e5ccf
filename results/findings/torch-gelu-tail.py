"""Torch computes gelu as x (1 + erf(x / sqrt 2)) / 2, which loses all digits in the left tail. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-10.0, dtype=torch.float64)
got = complex(torch.nn.functional.gelu(x))
right = (-7.619853024160526e-23+0j)  # -7.61985302416052606597334325159930836350403327795696057803536e-23
print('torch', torch.__version__, 'at x =', '-10.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
