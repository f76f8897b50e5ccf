"""Torch's silu of complex numbers is NaN left of -710, where exp(-z) overflows. Seen with torch 2.13.0+cpu;
exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-800+1j, dtype=torch.complex128)
got = complex(torch.nn.functional.silu(x))
right = 0j  # 0.0
print('torch', torch.__version__, 'at x =', '-800+1j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
