"""Torch's logit is log(x / (1 - x)), in which 1 - x is rounded left of 1/2, where the result is near 0: three
digits at 1/2 - 5e-14. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(0.49999999999995, dtype=torch.float64)
got = complex(torch.logit(x))
right = (-2.000621890374532e-13+0j)  # -0.000000000000200062189037453208584338427257254570747560606456153711102152
print('torch', torch.__version__, 'at x =', '0.49999999999995', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
