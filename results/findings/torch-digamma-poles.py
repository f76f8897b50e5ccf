"""Torch's digamma of negative numbers divides pi by tan(pi r), where r, the fractional part, is near -1 to the
right of an integer, and pi r is rounded: three digits at -1 + 1e-13; to the left of it it is right. Seen
with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-0.9999999999999, dtype=torch.float64)
got = complex(torch.digamma(x))
right = (-9996891514695.46+0j)  # -9996891514695.4617883619045979186971639654722469913677851031
print('torch', torch.__version__, 'at x =', '-0.9999999999999', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
