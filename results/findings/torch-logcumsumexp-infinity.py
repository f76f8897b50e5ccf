"""Torch's derivative of logcumsumexp by an entry that is -inf is NaN, where it is 0; that of logsumexp is
right. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.7, 1, 2], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.logcumsumexp(torch.stack([t, x[2]]), 0)[1])(x[0] - float('inf') if x[1] else x[0]))
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '[0.7, 1, 2]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
