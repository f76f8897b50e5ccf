"""Torch.cholesky_solve has a derivative by the entries of the factor's other triangle, which the function does
not read. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([3, 0], dtype=torch.float64)
one = torch.ones_like(x[0])
b = torch.stack([one, x[0]])[:, None]
u, l = 1 - x[1], x[1]  # the entry that moves: below the diagonal, or above it, which is not read
L = lambda t: torch.stack([torch.stack([one, u * t]), torch.stack([one + l * t, one])])
got = complex(torch.func.grad(lambda t: torch.cholesky_solve(b, L(t))[0, 0])(0 * one))
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '[3, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
