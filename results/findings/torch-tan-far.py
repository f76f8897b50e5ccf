"""Torch's derivative of complex tan is 1 + tan(z)^2, which cancels where |Im z| is above 10 and is wrong from
18 on. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1+18j, dtype=torch.complex128)
got = complex(torch.func.jvp(torch.tan, (x,), (torch.ones_like(x),))[1])
right = (-3.86104835241894e-16+8.436544564015604e-16j)  # (-3.86104835241894025993021267687e-16 + 8.43654456401560382071073106083e-16j)
print('torch', torch.__version__, 'at x =', '1+18j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
