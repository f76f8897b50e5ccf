"""Torch's trigamma, the derivative of digamma, has nine correct digits in double precision. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1.5, dtype=torch.float64)
got = complex(torch.func.grad(torch.digamma)(x))
right = (0.9348022005446793+0j)  # 0.934802200544679309417245499938075567656849703620395313206675
print('torch', torch.__version__, 'at x =', '1.5', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-11 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
