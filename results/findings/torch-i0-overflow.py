"""Torch's i0 and i1 multiply by exp(|x|), which is infinite from 709.8 on, where they are finite up to 713.9.
Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(712.0, dtype=torch.float64)
got = complex(torch.special.i0(x))
right = (2.4684110577627523e+307+0j)  # 2.46841105776275242978098542843452975351193983987814859498152e+307
print('torch', torch.__version__, 'at x =', '712.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
