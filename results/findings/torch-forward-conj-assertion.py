"""torch.autograd: an internal assertion for `second-eigvalsh` at generic-1 (complex128), observed with
torch 2.13.0+cpu.

Run it with torch and numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(a):
    return torch.sum(torch.linalg.eigvalsh((a + torch.adjoint(a)) / 2) ** 3, dim=None, keepdim=False)


# The exact inputs.
inputs = {
    "a": np.array([complex(0.3455843925476074, 0.9053554534912109), complex(0.8216180801391602, 0.44637441635131836), complex(0.33043718338012695, -0.5369529724121094), complex(-1.3031578063964844, 0.5811176300048828)], np.complex128).reshape((2, 2)),
}
arguments = tuple(torch.from_numpy(a) for a in inputs.values())

print("torch", torch.__version__)
print("the value is fine:", f(*arguments))
try:
    torch.autograd.functional.jacobian(f, arguments, strategy="forward-mode", vectorize=True)
except RuntimeError as error:
    said = str(error)
else:
    said = "it works"
print(said.splitlines()[0])
print("CONFIRMED: an internal assertion" if "INTERNAL ASSERT" in said else "NOT CONFIRMED")
sys.exit(0 if "INTERNAL ASSERT" in said else 1)
