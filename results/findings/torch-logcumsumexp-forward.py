"""Torch.autograd.functional.jvp of logcumsumexp, which differentiates its derivative, is NaN everywhere;
forward mode is right. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.5, 2, 0], dtype=torch.float64)
f = lambda t: torch.logcumsumexp(t, 0)
got = complex((torch.func.jvp(f, (x[:2],), (x[:2],)) if x[2] else torch.autograd.functional.jvp(f, x[:2], x[:2]))[1][1])
right = (1.7263617142904655+0j)  # 1.72636171429046548941082576798437237131936126537135692491508
print('torch', torch.__version__, 'at x =', '[0.5, 2, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
