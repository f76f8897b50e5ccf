"""Torch's forward derivative of scatter_reduce with 'prod' is 0 everywhere. Seen with torch 2.13.0+cpu; exits
with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.5, 0], dtype=torch.float64)
three, zero = torch.full((1,), 3.0).to(x), torch.tensor([0])
f = lambda t: three.scatter_reduce(0, zero, t[None], 'prod')[0]
forward = lambda f, t: torch.func.jvp(f, (t,), (torch.ones_like(t),))[1]
way = torch.func.grad(lambda t: f(t)) if x[1] else lambda t: forward(f, t)
got = complex(way(x[0]))
right = (3+0j)  # 3.0
print('torch', torch.__version__, 'at x =', '[0.5, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
