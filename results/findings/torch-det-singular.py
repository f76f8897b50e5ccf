"""Torch.autograd and torch's forward mode give 0 for the derivative of det at singular matrices, where it is
the matrix of cofactors; torch.func in reverse is right. Seen with torch 2.13.0+cpu; exits with 0 where it
is confirmed."""
import sys
import torch
x = torch.tensor([3, 0], dtype=torch.float64)
f = lambda t: torch.linalg.det(torch.stack([torch.stack([t, 2 * t.detach()]), torch.stack([x[0], 2 * x[0] + x[1]])]))
got = complex(torch.autograd.functional.jacobian(f, torch.ones_like(x[0])))
right = (6+0j)  # 6.0
print('torch', torch.__version__, 'at x =', '[3, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
