"""The reverse derivative of torch's forward derivative of a complex linalg.solve is wrong. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
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
got = complex(mixed(lambda s, t: torch.linalg.solve((1 + 1j) * M(x[0], s, t), torch.tensor([2j, 1.0]).to(torch.complex128))[0].real, x[1]))
right = (-0.3848396501457726+0j)  # -0.384839650145772594752186588921282798833819241982507288629738
print('torch', torch.__version__, 'at x =', '[2, 0]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
