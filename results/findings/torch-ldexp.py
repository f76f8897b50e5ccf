"""Torch.ldexp multiplies by 2 ** n of integers, which is 0 for negative n: its derivative by x is 0. Seen with
torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.5, -1], dtype=torch.float64)
n = x[1].to(torch.int64)
got = complex(torch.func.grad(lambda t: torch.ldexp(t, n))(x[0]))
right = (0.5+0j)  # 0.5
print('torch', torch.__version__, 'at x =', '[0.5, -1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
