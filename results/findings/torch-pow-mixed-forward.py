"""Forward mode of torch.pow with one real and one complex argument drops the imaginary part of the tangent of
the real one. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([0.6, 1], dtype=torch.float64)
w = 1 + 1j * x[1].item()
got = complex(torch.func.jvp(lambda t: t ** w, (x[0],), (torch.ones_like(x[0]),))[1])
right = (1.361238798523432+0.38344352047528907j)  # (1.36123879852343195054740940882 + 0.383443520475289081823859261581j)
print('torch', torch.__version__, 'at x =', '[0.6, 1]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
