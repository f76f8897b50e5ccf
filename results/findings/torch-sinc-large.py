"""Torch's sinc takes the sine of pi x rounded: few digits are right from 1e10 on, none from 1e16 on, and it is
NaN from 6e307 on, where the product overflows. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(1000000000000000.25, dtype=torch.float64)
got = complex(torch.sinc(x))
right = (2.2507907903927645e-16+0j)  # 0.000000000000000225079079039276461119030037932569865908634054346338679234346
print('torch', torch.__version__, 'at x =', '1000000000000000.25', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
