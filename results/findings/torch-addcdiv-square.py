"""Torch's reverse derivative of addcdiv by the divisor divides by its square, which overflows from 1e154 on
(0) and underflows below 1e-162; forward mode is right. Seen with torch 2.13.0+cpu; exits with 0 where it is
confirmed."""
import sys
import torch
x = torch.tensor([1e200, 1e160], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.addcdiv(0 * x[0], x[0], t))(x[1]))
right = (-1e-120+0j)  # -9.99999999999999956676306722373909068832536637039832802552646e-121
print('torch', torch.__version__, 'at x =', '[1e200, 1e160]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
