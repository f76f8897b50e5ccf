"""Pushed forward twice, torch's cumprod loses second derivatives at inputs with a zero, and prod third ones,
in silence; orders that begin with pullbacks are right. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor([0, 2, 3], dtype=torch.float64)
got = complex(torch.func.jacfwd(torch.func.jacfwd(lambda t: torch.cumprod(t, 0)[2]))(x)[1, 0])
right = (3+0j)  # 3.0
print('torch', torch.__version__, 'at x =', '[0, 2, 3]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
