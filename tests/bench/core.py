"""Speed of the core as ratios, in one process each, warm imports, identical inputs.

(a) against the pair a user would run instead: torch.autograd.gradcheck (both modes) and jax.test_util.check_grads
    (order 1, both modes), with an empty and with a filled compilation cache;
(b) against the bare framework calls that yield the same differentials;
(c) `harness --help` against `python -c pass`.

Every figure is the median over fresh processes, since JAX keeps what it compiled for as long as a process lives.
Prints; fails nothing.     python tests/bench/core.py [--repeat N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

FUNCTIONS = (
    "exp", "expm1", "log", "log10", "log1p", "sqrt", "rsqrt", "square", "reciprocal", "power-3", "power-1.5",
    "rational", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh", "sigmoid",
    "mod-relu", "conj", "z-conj-squared", "normalise", "rebuild-from-polar", "hermitian-form", "cumsum", "cumprod",
    "prod", "mean", "logsumexp", "fft", "ifft-ortho", "matmul-adjoint", "outer", "det", "inv",
)


def chosen() -> list[Any]:
    """The first generic point of each function at complex128."""
    from dataclasses import replace

    from harness.cases import catalogue_path, load

    cases = {c.id: c for c in load([catalogue_path()])}
    out = []
    for name in FUNCTIONS:
        case = cases[name]
        point = next(p for p in case.points if p.name.startswith("generic"))
        out.append(replace(case, points=(point,), dtypes=("complex128",)))
    return out


def spelled(case: Any, family: str, roots: dict[str, Any]) -> Callable[..., Any]:
    """The function of a case with its differentiated inputs as positional arguments."""
    from harness.expr import compile_source

    names = [i.name for i in case.inputs]
    compiled = compile_source(case.source(family), names, family, roots)
    return lambda *leaves: compiled(**dict(zip(names, leaves, strict=True)))


def clocks() -> tuple[float, float]:
    """Seconds of the clock and of this process on processors."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> dict[str, float]:
    """What has passed since `clocks()`."""
    return {"seconds": time.perf_counter() - start[0], "cpu": time.process_time() - start[1]}


def warm() -> None:
    """Import what each framework imports at first use, for every side alike: LAPACK's names, forward-mode rules."""
    import jax  # noqa: F401
    import scipy.linalg  # noqa: F401
    import torch
    import torch._dynamo  # by the first forward rule that is a decomposition
    import torch.autograd.forward_ad as forward

    with forward.dual_level():
        forward.make_dual(torch.zeros(1), torch.ones(1))


def harness_side() -> dict[str, float]:
    """Observe the differentials on torch.autograd and jax, and judge them."""

    from harness.backends import load
    from harness.comparison import judge
    from harness.model import Observation
    from harness.runs.planning import Target, plan

    cases = chosen()
    backends = {name: load(name)() for name in ("torch.autograd", "jax")}
    tasks = {
        name: plan(cases, [Target(name, "cpu", b.default_mode, family=b.family)], apis=())
        for name, b in backends.items()
    }
    start = clocks()
    seen: dict[str, dict[Any, Any]] = {name: {} for name in backends}
    for task in tasks["jax"]:
        backends["jax"].prepare(task)
    for name in ("torch.autograd", "jax"):
        for task in tasks[name]:
            for o in backends[name].observe(task):
                if isinstance(o, Observation) and o.quantity == "differential":
                    assert o.status == "ok", (name, o)
                    seen[name][o.case, o.api, o.input, o.output] = o.data
    verdicts = []
    for key, left in seen["torch.autograd"].items():
        verdicts.append(judge(left, seen["jax"][key], quantity="differential", dtype="complex128").verdict)
    spent = since(start)
    assert set(verdicts) <= {"agree", "precision"}, verdicts
    return spent


def pair_side() -> dict[str, float]:
    """gradcheck and check_grads on the same functions and points."""
    import jax
    import torch
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    _cache(jax)
    cases = chosen()
    start = clocks()
    for case in cases:
        arrays = [case.points[0].arrays[i.name] for i in case.inputs]
        f = spelled(case, "torch", {"torch": torch})
        leaves = tuple(torch.tensor(a, requires_grad=i.differentiate) for a, i in zip(arrays, case.inputs, strict=True))
        torch.autograd.gradcheck(f, leaves, check_forward_ad=True, check_backward_ad=True)
        g = spelled(case, "jax", {"jax": jax, "jnp": jax.numpy})
        loose = {"atol": 1e-2, "rtol": 1e-2}
        try:
            check_grads(g, tuple(jax.numpy.asarray(a) for a in arrays), order=1, modes=("fwd", "rev"), **loose)
        except AssertionError as error:
            print(f"check_grads disagrees on {case.id}: {str(error).splitlines()[0][:100]}", file=sys.stderr)
    return since(start)


def bare_side() -> dict[str, float]:
    """The framework calls that yield the same differentials, written out, without anything around them."""
    import jax
    import numpy as np
    import torch
    import torch.autograd.forward_ad as forward

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    torch.set_num_threads(1)
    _cache(jax)
    cases = chosen()
    start = clocks()
    for case in cases:
        arrays = [case.points[0].arrays[i.name] for i in case.inputs]
        f = spelled(case, "torch", {"torch": torch})
        leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
        y = f(*leaves)
        for unit in (1, 1j) if y.is_complex() else (1,):
            for k in range(y.numel()):
                c = torch.zeros(y.numel(), dtype=y.dtype)
                c[k] = unit
                for g in torch.autograd.grad(y, leaves, c.reshape(y.shape), retain_graph=True):
                    g.resolve_conj().resolve_neg().numpy()
        for n, leaf in enumerate(leaves):
            for unit in (1, 1j) if leaf.is_complex() else (1,):
                for k in range(leaf.numel()):
                    t = torch.zeros(leaf.numel(), dtype=leaf.dtype)
                    t[k] = unit
                    with forward.dual_level():
                        at = [x.detach() for x in leaves]
                        at[n] = forward.make_dual(at[n], t.reshape(leaf.shape))
                        forward.unpack_dual(f(*at)).tangent.resolve_conj().resolve_neg().numpy()
        h = spelled(case, "jax", {"jax": jax, "jnp": jax.numpy})

        def both(xs: Any, c: Any, ts: Any, h: Any = h) -> Any:
            value, pull = jax.vjp(h, *xs)
            return value, pull(c), [
                jax.jvp(lambda z, n=n: h(*xs[:n], z, *xs[n + 1 :]), (xs[n],), (t,))[1]  # noqa: B023
                for n, t in enumerate(ts)
            ]

        compiled = jax.jit(both)
        xs = [jax.numpy.asarray(a) for a in arrays]
        zeros = [np.zeros(a.shape, a.dtype) for a in arrays]
        shape = tuple(y.shape)
        size = int(np.prod(shape, dtype=int))
        dtype = y.detach().resolve_conj().numpy().dtype
        for unit in (1, -1j) if dtype.kind == "c" else (1,):
            for k in range(size):
                c = np.zeros(size, dtype)
                c[k] = unit
                [np.asarray(g) for g in compiled(xs, c.reshape(shape), zeros)[1]]
        for n, a in enumerate(arrays):
            for unit in (1, 1j) if a.dtype.kind == "c" else (1,):
                for k in range(a.size):
                    t = np.zeros(a.size, a.dtype)
                    t[k] = unit
                    ts = [t.reshape(a.shape) if m == n else z for m, z in enumerate(zeros)]
                    np.asarray(compiled(xs, np.zeros(shape, dtype), ts)[2][n])
    return since(start)


def _cache(jax: Any) -> None:
    jax.config.update("jax_compilation_cache_dir", os.environ["HARNESS_COMPILATION_CACHE"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


SIDES = {"harness": harness_side, "pair": pair_side, "bare": bare_side}


def measured(side: str, cache: str) -> dict[str, float]:
    """Seconds and peak memory (MiB) of one side in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side], check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "HARNESS_COMPILATION_CACHE": cache},
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def start_up(repeat: int) -> tuple[float, float]:
    """Median seconds of `harness --help` and of `python -c pass`."""
    harness = os.path.join(os.path.dirname(sys.executable), "harness")

    def median(command: list[str]) -> float:
        times = []
        for _ in range(max(9, repeat)):
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    return median([harness, "--help"]), median([sys.executable, "-c", "pass"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--side", choices=SIDES)
    args = parser.parse_args()
    if args.side:
        warm()
        spent = SIDES[args.side]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**spent, "mib": peak}))
        return
    times: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(args.repeat):
        for side in SIDES:
            cache = tempfile.mkdtemp(prefix="bench-cache-")
            try:
                for state in ("empty", "filled"):
                    times.setdefault((side, state), []).append(measured(side, cache))
            finally:
                shutil.rmtree(cache, ignore_errors=True)
    print(f"{len(FUNCTIONS)} functions at complex128, torch.autograd and jax, medians of {args.repeat} fresh processes")
    for (side, state), runs in times.items():
        seconds, cpu = (statistics.median(r[what] for r in runs) for what in ("seconds", "cpu"))
        print(f"  {side:8} cache {state:7} {seconds:7.2f} s   processor {cpu:7.2f} s"
              f"   peak {max(r['mib'] for r in runs):6.0f} MiB")

    def ratio(a: str, b: str, state: str) -> str:
        """Of processor seconds, which a busy machine changes least; in brackets of the clock's."""
        both = zip(times[a, state], times[b, state], strict=True)
        cpu, clock = (statistics.median(each) for each in zip(*((x["cpu"] / y["cpu"], x["seconds"] / y["seconds"])
                                                               for x, y in both), strict=True))
        return f"{cpu:.2f}x ({clock:.2f}x by the clock)"

    print(f"(a) gradcheck + check_grads over harness: {ratio('pair', 'harness', 'empty')} with an empty "
          f"cache (wanted 5), {ratio('pair', 'harness', 'filled')} filled (wanted 15)")
    print(f"(b) harness over the bare calls: {ratio('harness', 'bare', 'empty')} empty (wanted at most 0.7), "
          f"{ratio('harness', 'bare', 'filled')} filled")
    ours, python = start_up(args.repeat)
    print(f"(c) harness --help over python -c pass: {ours / python:.2f}x ({ours * 1000:.0f} ms; wanted at most 3)")


if __name__ == "__main__":
    main()
