"""Torch's forward derivative of cholesky_inverse is wrong, for real matrices and for complex ones. Seen with
torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([2, 0], dtype=torch.float64)
L = lambda t: torch.stack([torch.stack([t, 0 * t]), torch.stack([0 * t + 1, 0 * t + 1])])
f = lambda t: torch.cholesky_inverse(L(t))[0, 0]
got = complex(torch.func.grad(f)(x[0]) if x[1] else torch.func.jvp(f, (x[0],), (torch.ones_like(x[0]),))[1])
right = (-0.5+0j)  # -0.5
print('torch', torch.__version__, 'at x =', '[2, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
