"""The derivative of torch's forward derivative of slogdet is wrong, for real matrices and for complex ones
(one cause with det). Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([2, 0], dtype=torch.float64)
def mixed(F, way):
    zero = torch.zeros((), dtype=torch.float64)
    if way:
        inner = lambda s: torch.func.grad(lambda t: F(s, t))(zero)
    else:
        inner = lambda s: torch.func.jvp(lambda t: F(s, t), (zero,), (torch.ones_like(zero),))[1]
    return torch.func.grad(inner)(zero)
M = lambda a, s, t: torch.stack([torch.stack([a + s, 1 + t]), torch.stack([0.5 + 2 * t, 2 + s + t])])
got = complex(mixed(lambda s, t: torch.linalg.slogdet(M(x[0], s, t))[1], x[1]))
right = (0.4489795918367347+0j)  # 0.448979591836734693877551020408163265306122448979591836734694
print('torch', torch.__version__, 'at x =', '[2, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
