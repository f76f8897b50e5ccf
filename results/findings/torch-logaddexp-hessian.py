"""Torch's Hessian of logaddexp is NaN where the arguments are far apart, though it is 0 there. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1500.0, dtype=torch.float64)
got = complex(torch.func.grad(torch.func.grad(lambda t: torch.logaddexp(t, 0 * t)))(x))
right = 0j  # 3.61640570030693657776067294548045130912628774180468430060432e-652
print('torch', torch.__version__, 'at x =', '1500.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-05 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
