"""Torch's soft_margin_loss has no derivative by its target: forward mode gives 0 in silence. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.7, 0], dtype=torch.float64)
f, one = torch.nn.functional.soft_margin_loss, torch.ones_like(x[0])
got = complex(torch.func.jvp(lambda t: f(x[0], t) if not x[1] else f(t, x[0]), (one,), (one,))[1])
right = (-0.23226855948228373+0j)  # -0.232268559482283717585245791618951475456176292159921674520899
print('torch', torch.__version__, 'at x =', '[0.7, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
