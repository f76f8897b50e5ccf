"""Torch's derivative of log10 divides by x log 10, which overflows in float16: 0 from 28450 on, where it is
1.5e-5 and less, subnormal numbers that float16 computes with. Seen with torch 2.13.0+cpu; exits with 0
where it is confirmed."""
import sys
import torch
x = torch.tensor(32768.0, dtype=torch.float64)
got = complex(torch.func.grad(torch.log10)(x.half()).double())
right = (1.3253615780738886e-05+0j)  # 0.0000132536157807388863418923620274842859586913148743794728428483
print('torch', torch.__version__, 'at x =', '32768.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 0.1 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
