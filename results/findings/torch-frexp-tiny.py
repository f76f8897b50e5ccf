"""Torch's derivative of frexp divides by exp2 of the exponent in single precision, which is 0 or infinite for
tiny and for huge numbers. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e-60, dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.frexp(t)[0])(x))
right = (8.034690221294951e+59+0j)  # 803469022129495137770981046170581301261101496891396417650688.0
print('torch', torch.__version__, 'at x =', '1e-60', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
