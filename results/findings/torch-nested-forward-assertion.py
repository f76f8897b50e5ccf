"""The real or imaginary part of a tensor of one complex number times a constant, as real(2 * z), fails an
internal assertion of torch where its pushforward is pushed forward again; of tensors of more numbers it
works. Seen with torch 2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor([1+2j], dtype=torch.complex128)
push = lambda f: lambda z: torch.func.jvp(f, (z,), (torch.ones_like(z),))[1]
try:
    got = complex(push(push(lambda z: torch.real(2 * z) ** 2))(x)[0])
except RuntimeError as error:
    print(str(error)[:200])
    got = complex('nan')
right = (8+0j)  # 8.0
print('torch', torch.__version__, 'at x =', '[1+2j]', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
