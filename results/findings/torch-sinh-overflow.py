"""Torch's sinh and cosh of arrays (of sixteen elements or more, by vectors) are infinite from 709.79 on, where
they are finite up to 710.47; those of few elements are right. Seen with torch 2.13.0+cpu; exits with 0
where it is confirmed."""
import sys
import torch
x = torch.tensor(710.0, dtype=torch.float64)
got = complex(torch.sinh(x.repeat(64))[0])
right = (1.1169973830808555e+308+0j)  # 1.11699738308085551562682222905840500328406143168973209969961e+308
print('torch', torch.__version__, 'at x =', '710.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
