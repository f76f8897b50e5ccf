"""Torch's derivative of erfcx, 2x erfcx(x) - 2/sqrt(pi), cancels for large x. Seen with torch 2.13.0+cpu;
exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e6, dtype=torch.float64)
got = complex(torch.func.grad(torch.special.erfcx)(x))
right = (-5.6418958354691e-13+0j)  # -0.000000000000564189583546910002572759932841288763347797241717197314881852
print('torch', torch.__version__, 'at x =', '1e6', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
