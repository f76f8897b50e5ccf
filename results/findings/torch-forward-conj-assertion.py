"""Torch's forward mode ends in an internal assertion (has_fw_view) where a lazily conjugated view is met under
vmap, as torch.autograd.functional.jacobian(strategy='forward-mode') does. Seen with torch 2.13.0+cpu; exits
with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([1+2j, 0j], dtype=torch.complex128)
f = lambda z: torch.conj(z) * z
g = lambda z: torch.conj_physical(z) * z
try:
    got = complex(torch.autograd.functional.jacobian((f, g)[int(x[1].real)], x[0], strategy='forward-mode', vectorize=True))
except RuntimeError as error:
    print(str(error)[:200])
    got = complex('nan')
right = (2+0j)  # (2.0 + 0.0j)
print('torch', torch.__version__, 'at x =', '[1+2j, 0j]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
