"""Torch's derivative of softsign is that of a quotient, 1/(1 + |x|) - |x|/(1 + |x|)^2, which cancels for large
x: half of the digits from 1e8 on, 0 from 2.7e16 on. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1e17, dtype=torch.float64)
got = complex(torch.func.grad(torch.nn.functional.softsign)(x))
right = (1e-34+0j)  # 9.99999999999999980000000000000000299999999999999996e-35
print('torch', torch.__version__, 'at x =', '1e17', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
