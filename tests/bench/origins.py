"""What looking for origins costs: `python -m tests.bench.origins [MILLIONS [OPERATIONS]]`.

An audit of a network of the given number of millions of parameters (default 100) and of about so many operations
(default 2,000) in single precision, whose port has a mistake in one layer of the middle, with and without the search.
The bound of the project: 2 times the memory and 3 times the time of the audit without it.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audit import Audit, audit
from harness.audit.files import write_npz

BATCH, PER_LAYER = 4, 10

_BODY = """
def loss(params, x):
    for k in range({layers}):
        h = x @ params[f"w{{k}}"]
        h = h + params[f"b{{k}}"]
        s = {square}(h)
        m = s.mean(-1, keepdims=True)
        r = {root}(m + 1e-3)
        x = x + {step} * {tanh}(h / r)
    return (x ** 2).mean()
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of processors, and bytes (of all processes together), of an audit with the search and
    without it."""

    seconds: tuple[float, float]
    processors: tuple[float, float]
    memory: tuple[int, int]
    found: Audit
    wanted: int

    @property
    def located(self) -> bool:
        """Whether the planted line was named, and nothing else."""
        return [int(o.jax.rpartition(":")[2]) for o in self.found.origins] == [self.wanted]


def bench(millions: float = 100.0, operations: int = 2000) -> Cost:
    """The audit of such a network, with the search for origins and without it."""
    layers = max(operations // PER_LAYER, 2)
    width = max(int(math.sqrt(millions * 1e6 / layers)), 4)
    draw = np.random.default_rng(0)
    scale = np.float32(1 / math.sqrt(width))
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)
        torch = _BODY.format(layers=layers, square="torch.square", root="torch.sqrt", tanh="torch.tanh", step="0.1")
        # One layer adds three times what it should, which even a mean of squares shows in single precision.
        step = f"(0.3 if k == {layers // 2} else 0.1)"
        jax = _BODY.format(layers=layers, square="jnp.square", root="jnp.sqrt", tanh="jnp.tanh", step=step)
        (folder / "bench_torch_side.py").write_text("import torch\n" + torch)
        (folder / "bench_jax_side.py").write_text("import jax.numpy as jnp\n" + jax)
        held = {f"params.w{k}": draw.standard_normal((width, width), dtype=np.float32) * scale for k in range(layers)}
        held |= {f"params.b{k}": draw.standard_normal(width, dtype=np.float32) for k in range(layers)}
        write_npz(folder / "data.npz", held | {"x": draw.standard_normal((BATCH, width), dtype=np.float32)})
        del held
        lines = (folder / "bench_jax_side.py").read_text().splitlines()
        wanted = next(n for n, line in enumerate(lines, 1) if "x = x + " in line)
        seconds, processors, memory = [], [], []
        for trace in (False, True):
            began = _processors()
            found = audit("bench_torch_side:loss", "bench_jax_side:loss", folder / "data.npz", path=[name],
                          constant=["x"], timeout=3000, trace=trace)
            own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            seconds.append(found.seconds)
            processors.append(_processors() - began)
            memory.append(own + sum(found.peak.values()))
        return Cost((seconds[1], seconds[0]), (processors[1], processors[0]), (memory[1], memory[0]), found, wanted)


def _processors() -> float:
    """Seconds on processors of this process and of all that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def main(argv: list[str] | None = None) -> int:
    """Print the answer with the search, and both costs."""
    words = sys.argv[1:] if argv is None else argv
    cost = bench(float(words[0]) if words else 100.0, int(words[1]) if len(words) > 1 else 2000)
    print(cost.found.text())
    for what, (with_, without), unit in (("seconds", cost.seconds, 1), ("processor seconds", cost.processors, 1),
                                         ("GiB", cost.memory, 2**30)):
        print(f"{what}: {with_ / unit:.2f} with the search, {without / unit:.2f} without: {with_ / without:.2f} times")
    print("the planted line was named" if cost.located else "the planted line was NOT named")
    return 0 if cost.located else 1


if __name__ == "__main__":
    sys.exit(main())
