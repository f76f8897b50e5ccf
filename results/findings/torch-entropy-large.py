"""Torch's entropies of Gamma, InverseGamma, Beta and StudentT are sums of lgamma and digamma of their
parameters, which cancel for large ones: 20 in place of 18.7 for Gamma with 1e15. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1e15, dtype=torch.float64)
got = complex(torch.distributions.Gamma(x, 0 * x + 1).entropy())
right = (18.688326730660016+0j)  # 18.6883267306600150385819323132049325302029919716758029552893
print('torch', torch.__version__, 'at x =', '1e15', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
