"""Torch's forward derivative of triangular_solve moves with the entries of the other triangle, which are not
read. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([2, 0], dtype=torch.float64)
one = torch.ones_like(x[0])
b = torch.stack([one, x[0]])[:, None]
u, l = x[1], 1 - x[1]  # the entry that moves: above the diagonal, or below it, which is not read
A = lambda t: torch.stack([torch.stack([one, one + u * t]), torch.stack([l * t, one])])
got = complex(torch.func.jvp(lambda t: torch.triangular_solve(b, A(t), upper=True)[0][0, 0], (0 * one,), (one,))[1])
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '[2, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
