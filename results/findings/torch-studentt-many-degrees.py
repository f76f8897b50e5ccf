"""Torch's log_prob of StudentT subtracts lgamma(df / 2) from lgamma((df + 1) / 2): three digits for 1e12
degrees of freedom, none for 1e15. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e15, dtype=torch.float64)
got = complex(torch.distributions.StudentT(x).log_prob(0 * x + 0.5))
right = (-1.0439385332046731+0j)  # -1.04393853320467310115532973640560461902806414026489929823382
print('torch', torch.__version__, 'at x =', '1e15', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
