"""Torch's derivative of logsumexp is exp(x - out), in which log 2 is lost to rounding for large arguments that
are nearly equal: 1 in place of 1/2 for 1e17. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor([1e17, 1e17], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.logsumexp(torch.stack([t, x[1]]), 0))(x[0]))
right = (0.5+0j)  # 0.5
print('torch', torch.__version__, 'at x =', '[1e17, 1e17]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
