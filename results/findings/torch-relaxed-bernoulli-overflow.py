"""Torch's log_prob of LogitRelaxedBernoulli takes log1p(exp(d)), which is infinite from 710 on: -inf in place
of -d. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(-800.0, dtype=torch.float64)
got = complex(torch.distributions.relaxed_bernoulli.LogitRelaxedBernoulli(0 * x + 1, logits=0 * x).log_prob(x))
right = (-800+0j)  # -800.0
print('torch', torch.__version__, 'at x =', '-800.0', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
