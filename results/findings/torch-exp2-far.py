"""Torch's complex exp2 takes the exponential of z log 2 rounded: few digits are right where the imaginary part
is from 1e10 on, none from 1e17 on. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e16j, dtype=torch.complex128)
got = complex(torch.exp2(x))
right = (0.9785579807162207-0.205971547492834j)  # (0.978557980716220633378694791284 - 0.205971547492833987835684811278j)
print('torch', torch.__version__, 'at x =', '1e16j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
