"""Functions as people write them, sound and faulty, with no framework imported until one is called."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

calls = 0


def good(x: Any) -> Any:
    return (x.real**2 + 3 * x.imag**2).sum()


def raises(x: Any) -> Any:
    raise ValueError("no such mode: 'fast'")


def prints(x: Any) -> Any:
    os.write(1, b"WHf1 this is no frame\n")
    print("loss is being computed", flush=True)
    print("and a warning", file=sys.stderr)
    return good(x)


def linear(x: Any) -> Any:
    return x.real.sum() - 2 * x.imag.sum()


def mutates_tensor(x: Any) -> Any:
    value = linear(x)
    x.data.mul_(2)
    return value


def in_place(x: Any) -> Any:
    x += 1
    return good(x)


def mutates_tree(params: Any) -> Any:
    return good(params.pop("x"))


def tree(params: Any) -> Any:
    return good(params["x"])


def random(x: Any) -> Any:
    import torch

    return (torch.rand(()) + 1) * good(x)


def counts(x: Any) -> Any:
    global calls
    calls += 1
    return calls * good(x)


def nothing(x: Any) -> Any:
    return None


def text(x: Any) -> Any:
    return "0.25"


def number(x: Any) -> Any:
    return float(abs(x[0])) if hasattr(x, "detach") else 0.5


def many(x: Any) -> Any:
    return {"a": good(x), "b": x.real.sum()}


def vector(x: Any) -> Any:
    return x.real**2 + 3 * x.imag**2


def hangs(x: Any) -> Any:
    while True:
        time.sleep(0.1)


def exits(x: Any) -> Any:
    os._exit(5)


def segfaults(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)


def greedy(x: Any) -> Any:
    import numpy as np

    held = []
    while True:
        held.append(np.ones(1 << 22))
        time.sleep(0.005)


def leaves(x: Any) -> Any:
    raise SystemExit(0)


def z_squared(x: Any) -> Any:
    return x * x


def wrong_inputs() -> Any:
    raise RuntimeError("the data set is not there")
