"""The function has reached its limit to within rounding: a derivative far below the rounding of the value
comes out as 0, or with few digits, from formulas that use the value. Seen with torch 2.13.0+cpu; exits with
0 where it is confirmed."""
import sys
import torch
x = torch.tensor(17.0, dtype=torch.float64)
got = complex(torch.func.grad(torch.tanh)(x))
right = (6.855633726168028e-15+0j)  # 0.00000000000000685563372616802836535398768394103899797250784270266271912136
print('torch', torch.__version__, 'at x =', '17.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
