"""Torch's second derivatives of singular values divide by differences of their squares: NaN where these are
beyond 1e154 or below 1e-162. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e160, dtype=torch.float64)
got = complex(torch.func.hessian(lambda t: torch.linalg.svdvals(x * torch.stack([4 + 0 * t, 1 + t, 1 + 0 * t, 3 + 0 * t]).reshape(2, 2)).sum())(0 * x))
right = (1.4285714285714287e+159+0j)  # 1.42857142857142858075486820724032365263666316412660958834983e+159
print('torch', torch.__version__, 'at x =', '1e160', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
