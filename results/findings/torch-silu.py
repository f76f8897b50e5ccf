"""Forward mode of complex silu in torch multiplies by the conjugate of the derivative. Seen with torch
2.13.0+cpu; exits with 0 where it is confirmed."""
import sys
import torch
x = torch.tensor(1+2j, dtype=torch.complex128)
got = complex(torch.func.jvp(torch.nn.functional.silu, (x,), (torch.ones_like(x),))[1])
right = (2.003740731152765+0.26449804151610407j)  # (2.00374073115276524224229202772 + 0.264498041516104055830616765397j)
print('torch', torch.__version__, 'at x =', '1+2j', 'returned', got, 'and right is', right)
off = abs((got - right).real) + abs((got - right).imag)
wrong = not off <= 1e-06 * abs(right)
print('CONFIRMED' if wrong else 'NOT CONFIRMED')
sys.exit(0 if wrong else 1)
