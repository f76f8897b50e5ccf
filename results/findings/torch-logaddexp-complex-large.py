"""Torch's derivative of the complex logaddexp by the smaller argument is NaN where the real parts differ by
more than 709, unless the imaginary parts are equal. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor(-800+1j, dtype=torch.complex128)
got = complex(torch.func.jvp(lambda w: torch.logaddexp(torch.zeros_like(w), w), (x,), (torch.ones_like(x),))[1])
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '-800+1j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
