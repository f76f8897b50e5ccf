"""Torch's derivatives of atan2 divide by the sum of the squares of its arguments: 0 where both are from 1e154
on, infinite where both are below 1e-154 and 0 below 1e-162. Seen with torch 2.13.0+cpu; exits with 0 where
it is confirmed."""
import sys
import torch
x = torch.tensor([1e160, 1e160], dtype=torch.float64)
got = complex(torch.func.grad(lambda t: torch.atan2(t, x[1]))(x[0]))
right = (5e-161+0j)  # 4.99999999999999996735796127465886742887221735489089799585082e-161
print('torch', torch.__version__, 'at x =', '[1e160, 1e160]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
