"""Torch's derivative of gammainc is exp(-x + (a - 1) log x - lgamma(a)), whose terms cancel for large a: 1e-5
off at a = 1e10, no digit right at 1e15. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([1e15, 1e15], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.special.gammainc(x[0], t))(x[1]))
right = (1.2615662610100799e-08+0j)  # 0.000000012615662610100799189930530103428443434374995479602816775839
print('torch', torch.__version__, 'at x =', '[1e15, 1e15]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
