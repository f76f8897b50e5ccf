"""Torch.func.jacrev through torch.cdist is wrong: the derivative does not batch. Seen with torch 2.13.0+cpu;
exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([3, 0], dtype=torch.float64)
A = torch.stack([torch.stack([x[0], 0 * x[0] - 1.5]), torch.tensor([2.0, 0.5]).to(x)])
f = lambda a: torch.cdist(a, torch.tensor([[1.0, 2.0], [0.0, -1.0]]).to(x))
got = complex(torch.func.grad(lambda a: f(a)[0, 1])(A)[0, 0] if x[1] else torch.func.jacrev(f)(A)[0, 1, 0, 0])
right = (0.9863939238321437+0j)  # 0.986393923832143733351300147870605469527292447803201814013917
print('torch', torch.__version__, 'at x =', '[3, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
