"""Functions that tests name as callables; each works in the framework its name begins with, or in any."""

from __future__ import annotations

from typing import Any

SEEN: list[Any] = []


def remembers(z: Any) -> Any:
    """Keeps what it was called with, so that a test can look at the layout that reached the framework."""
    SEEN.append(z)
    return z * 2


def mutates(z: Any) -> Any:
    """Changes its input in place."""
    z *= 2
    return z * 1


def exits(z: Any) -> Any:
    """Ends the program, or tries to."""
    raise SystemExit("enough")


def interrupts(z: Any) -> Any:
    """As if the user had pressed Ctrl-C."""
    raise KeyboardInterrupt


def two(z: Any) -> Any:
    """Two outputs."""
    return z * 1, z * 2


def nothing(z: Any) -> Any:
    """No output."""
    return ()


def text(z: Any) -> Any:
    """Not an array."""
    return "forty-two"


def moody(z: Any) -> Any:
    """One output or two, depending on the values (torch only: jax cannot look at them under jit)."""
    return (z * 1, z * 2) if float(abs(z).sum()) > 1 else z * 1


def shifty(z: Any) -> Any:
    """A complex or a real output, depending on the values (torch only)."""
    return z * 1 if float(abs(z).sum()) > 1 else abs(z)


def layer(params: Any, x: Any) -> Any:
    """A linear layer over a mapping of parameters."""
    return params["w"] @ x + params["b"]


def torch_seed_real(w: Any, x: Any) -> Any:
    """The seed's layer: real part of the summed, scaled output."""
    return ((x @ w.T) * (2 + 3j)).sum().real


def torch_half_broken(z: Any) -> Any:
    """Right going forward; its own backward rule raises."""
    import torch

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise AssertionError(f"broken at {id(g):#x} in /home/somebody/project/model.py")

    return Broken.apply(z)
