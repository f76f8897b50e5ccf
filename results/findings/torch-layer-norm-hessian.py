"""The reverse derivative of torch's forward derivative of layer_norm is wrong: the mean and the deviation that
the forward rule keeps count as constants; the other orders are right. Seen with torch 2.13.0+cpu; exits
with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.7, 0], dtype=torch.float64)
def hess(f, x):
    if x[1]:
        return torch.func.grad(torch.func.grad(f))(x[0])
    return torch.func.grad(lambda s: torch.func.jvp(f, (s,), (torch.ones_like(s),))[1])(x[0])
row = lambda t: torch.stack([t, t * t, 2 + 0 * t])
got = complex(hess(lambda t: torch.nn.functional.layer_norm(row(t), [3], eps=0.1)[0], x))
right = (-1.2963033585140276+0j)  # -1.29630335851402757999805100460396359913689206266001101965273
print('torch', torch.__version__, 'at x =', '[0.7, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
