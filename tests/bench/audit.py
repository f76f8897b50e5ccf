"""How long an audit of a large model takes, and how much memory: `python -m tests.bench.audit [MILLIONS]`.

A complex network of the given number of millions of parameters (default 10) in single precision, its port, and random
numbers for both; the bound of the project is 2 minutes and 4 GiB, all processes together, on 2 cores.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from harness.audit import Audit, audit
from harness.audit.files import write_npz

LAYERS, BATCH, OUT = 4, 16, 8

_BODY = """
def loss(params, x):
    for k in range({layers}):
        w, b = params[f"w{{k}}"], params[f"b{{k}}"]
        x = x @ w{turn} + b
        x = x / {root}(1 + {modulus}(x) ** 2)
    y = x @ params["out"]{turn}
    return ({modulus}(y) ** 2).mean()
"""


def bench(millions: float = 10.0) -> Audit:
    """The audit of a network of this many million real parameters (a complex entry counts as two)."""
    width = int(math.sqrt(millions * 1e6 / 2 / LAYERS))
    draw = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        scale = np.float32(1 / math.sqrt(2 * shape[-1]))
        parts = [draw.standard_normal(shape, dtype=np.float32) * scale for _ in range(2)]
        return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)

    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)
        torch = _BODY.format(layers=LAYERS, turn=".T", root="torch.sqrt", modulus="torch.abs")
        jax = _BODY.format(layers=LAYERS, turn=".T", root="jnp.sqrt", modulus="jnp.abs")
        (folder / "bench_torch_side.py").write_text("import torch\n" + torch)
        (folder / "bench_jax_side.py").write_text("import jax.numpy as jnp\n" + jax)
        held = {f"params.w{k}": numbers(width, width) for k in range(LAYERS)}
        held |= {f"params.b{k}": numbers(width) for k in range(LAYERS)}
        write_npz(folder / "data.npz", held | {"params.out": numbers(OUT, width), "x": numbers(BATCH, width)})
        del held
        return audit("bench_torch_side:loss", "bench_jax_side:loss", folder / "data.npz", path=[name], timeout=300)


def main(argv: list[str] | None = None) -> int:
    """Print the answer, the seconds and the peak memory of each process."""
    words = sys.argv[1:] if argv is None else argv
    found = bench(float(words[0]) if words else 10.0)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    entries = sum(math.prod(r.shape) * (1 + r.dtype.startswith("complex")) for r in found.rows)
    print(found.text())
    shown = ", ".join(f"{side} {size / 2**30:.2f}" for side, size in {**found.peak, "coordinator": own}.items())
    total = (own + sum(found.peak.values())) / 2**30
    print(f"\n{entries:,} real parameters in {found.seconds:.1f} s; peak GiB: {shown}; together at most {total:.2f}")
    return found.exit_status


if __name__ == "__main__":
    sys.exit(main())
