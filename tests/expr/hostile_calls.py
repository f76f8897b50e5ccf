"""Calls every admitted native function with hostile values for every parameter that a case may give, and watches.

    python -m tests.expr.hostile_calls torch[:CALLS] [NAME ...]

Each function is called in a process of its own, forked after the framework is imported, so that what it breaks breaks
nothing else. Said of each, as JSON lines: the calls that went through, and what must not be: a signal, an input that
changed, two equal calls with unequal results, a file, a thread. Time or memory that runs out is no fault: workers have
limits.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.expr.guards import GUARDS
from harness.expr.limits import bounding
from harness.expr.native import full, whitelist
from harness.expr.parameters import Parameters, parameters

MOST_CALLS = {"torch": 400, "jax": 100}  # sound ones, and as many hostile ones; JAX compiles each
_SOME_THREADS = 4  # of a framework's own that start late; a function that leaves one does so with every call
_NO_MEMORY = re.compile(rb"bad_alloc|out of memory|RESOURCE_EXHAUSTED|failed to allocate|can't allocate", re.I)

#: What a parameter of this name usually takes, so that a call gets far enough for the hostile one to matter.
_SOUND: dict[str, list[str]] = {
    "dim": ["0"], "axis": ["0"], "axes": ["0"], "dims": ["(0,)"], "size": ["(4, 4)", "(2, 2)"], "shape": ["(4, 4)"],
    "index": ["index", "row"], "indices": ["row", "index", "(row, row)"], "offsets": ["offsets"], "pivots": ["pivots"],
    "LU_pivots": ["pivots"], "mask": ["mask"], "condition": ["mask"], "k": ["1"], "n": ["2"], "num_classes": ["5"],
    "kernel_size": ["2"], "output_size": ["2"], "stride": ["1", "(1, 1)"], "padding": ["0", "'SAME'"],
    "dilation": ["1"], "groups": ["1"], "equation": ["'ij,jk->ik'"], "reduce": ["'sum'"],
    "target": ["row", "matrix"], "weight": ["matrix", "vector"],
    "bias": ["vector"], "tau": ["vector"], "mode": ["'constant'"], "pad": ["(1, 1)"], "sections": ["2"],
    "split_size": ["2"], "chunks": ["2"], "shift": ["1"], "shifts": ["1"], "repeats": ["2"], "p": ["2.0"],
    "normalized_shape": ["(4,)"], "num_groups": ["2"], "segment_ids": ["row"], "num_segments": ["4"], "start": ["0"],
    "end": ["3"], "length": ["2"], "step": ["1"], "storage_offset": ["0"], "dimension_numbers": ["None"],
    "window_dimensions": ["(2, 2)"], "window_strides": ["(1, 1)", "(1,)"], "precision": ["None"], "src": ["matrix"],
    "lhs": ["matrix", "image"], "rhs": ["matrix", "image"], "strides": ["(1, 1)"], "operand": ["matrix", "vector"],
    "start_indices": ["pair"], "limit_indices": ["(2, 2)"], "slice_sizes": ["(1, 1)"], "method": ["'linear'"],
    "grid": ["grid"], "input1": ["matrix"], "boundaries": ["vector"], "theta": ["theta"], "upscale_factor": ["2"],
}
_SOUND_ANY = ["matrix", "batch", "vector", "image", "row", "2"]
#: What a stranger gives instead.
HOSTILE = [
    "far", "negative", "empty", "whole", "nothing", "flags", "waves", "lengths", "2**31", "-2**31", "2**62", "-1", "0",
    "10**6", "float('nan')", "float('inf')", "1e308", "None", "True", "(10**6, 10**6)", "(-1, -1)", "(2**62,)", "()",
    "(0, 0)", "'x'", "''", "'ij,jk->lm'", "[far, far]", "deep", "transposed", "1j",
]


class Make:
    """What a family of functions takes and gives; this one NumPy's arrays. seconds: of the processor, for each."""

    seconds = 10

    def __call__(self, array: Any) -> Any:
        """The family's own array."""
        return array

    def settled(self, result: Any) -> Any:
        """The result, once it is computed."""
        return result

    def warm(self) -> None:
        """Start every thread of the family's own, so that none is blamed on a function."""


def values(make: Make) -> dict[str, Any]:
    """The arrays by name, as the framework's own."""
    dice = np.random.default_rng(3)
    found = {
        "matrix": dice.normal(size=(4, 4)), "batch": dice.normal(size=(2, 4, 4)), "vector": dice.normal(size=4),
        "image": dice.normal(size=(1, 4, 4, 4)), "index": np.array([[0, 1, 2, 3]] * 4), "row": np.array([0, 1, 2, 3]),
        "pair": np.array([0, 1]), "offsets": np.array([0, 2]), "pivots": np.array([1, 2, 3, 4], np.int32),
        "mask": np.eye(4, dtype=bool), "grid": dice.normal(size=(1, 4, 4, 2)), "theta": dice.normal(size=(1, 2, 3)),
        "far": np.array([10**8, -(10**8), 2**40, -1]), "negative": np.array([[-1, -5, -(2**31), 3]] * 4),
        "empty": np.zeros((0, 4)), "whole": np.array(7), "nothing": np.zeros(0), "flags": np.array([True, False] * 2),
        "waves": dice.normal(size=(4, 4)) + 1j, "lengths": np.array([10**6, 0, -3, 2], np.int32),
        "deep": np.zeros((1,) * 25), "transposed": dice.normal(size=(4, 4)).T,
    }
    return {name: make(array) for name, array in found.items()}


def sound_calls(one: Parameters) -> Iterator[list[str]]:
    """Arguments by position as texts, of each length, the longest first: what might well go through."""
    positional = list(itertools.takewhile(lambda p: p not in one.withheld, one.positional))
    if one.endless:
        positional = [*positional, "more", "more"]
    options = [_SOUND.get(p, _SOUND_ANY) for p in positional]
    for length in range(min(len(positional), 9), 0, -1):
        every = list(itertools.islice(itertools.product(*options[:length]), 4000))
        yield from map(list, every[:6] + random.Random(length).sample(every[6:], min(24, len(every[6:]))))


def hostile_calls(one: Parameters, sound: list[list[str]]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """(arguments by position, by name) as texts: a sound call with one hostile value, or hostile ones alone."""
    for choice in sound:
        for at in range(len(choice)):
            for evil in HOSTILE:
                yield [*choice[:at], evil, *choice[at + 1 :]], {}
    for length in sorted({len(choice) for choice in sound}):
        for evil in HOSTILE:
            yield [evil] * length, {}
    for keyword in sorted(one.named - one.withheld - set(one.positional)):
        for evil in HOSTILE:
            for choice in sound[-2:]:
                yield choice, {keyword: evil}


def spread(bases: list[list[str]], went: set[int]) -> list[list[str]]:
    """Two calls of each length: those that went through, else the first."""
    found = []
    for length in sorted({len(base) for base in bases}, reverse=True):
        every = [(k not in went, k) for k, base in enumerate(bases) if len(base) == length]
        found += [bases[k] for _, k in sorted(every)[:2]]
    return found


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    if hasattr(a, "dtype") and hasattr(b, "dtype"):
        x, y = _bytes(a), _bytes(b)
        if x == y or x[:2] != y[:2] or np.dtype(x[0]).kind not in "fc":
            return x == y
        # LAPACK rounds otherwise where an array lies otherwise in memory
        left, right = (np.frombuffer(part[2], x[0]) for part in (x, y))
        with np.errstate(all="ignore"):
            return bool(np.allclose(left, right, rtol=1e-9, atol=1e-9 * float(np.nanmax(np.abs(left), initial=0.0)),
                                    equal_nan=True))
    return a == b or (a != a and b != b)


def _bytes(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    if hasattr(array, "resolve_conj"):
        array = array.detach().resolve_conj().resolve_neg()
        array = array.numpy()
    array = np.asarray(array)
    return str(array.dtype), array.shape, array.tobytes()


@dataclass
class Watch:
    """Calls one function, twice with equal arguments each time, and reports what must not be."""

    name: str
    function: Callable[..., Any]
    make: Make
    report: Callable[[dict[str, Any]], None]
    pool: int = 0  # threads that the family's own pools may have
    went: int = 0

    def __post_init__(self) -> None:
        self.arrays = values(self.make)
        self.before = {key: _bytes(array) for key, array in self.arrays.items()}

    def call(self, positional: list[str], named: dict[str, str]) -> bool:
        """Reports {"said": text} before, and faults after; whether it went through."""
        text = f"{self.name}({', '.join([*positional, *(f'{k}={v}' for k, v in named.items())])})"
        self.report({"said": text})
        results = []
        for _ in range(2):
            try:
                given = [eval(p, {"__builtins__": {"float": float}}, self.arrays) for p in positional]
                by_name = {k: eval(v, {"__builtins__": {"float": float}}, self.arrays) for k, v in named.items()}
                for value in (*given, *by_name.values()):
                    bounding(self.name)(value)  # as a case's arguments are
                results.append(self.make.settled(self.function(*given, **by_name)))
            except Exception:
                break
        changed = [key for key, before in self.before.items() if _bytes(self.arrays[key]) != before]
        if changed:
            self.report({"fault": f"{text} changed {', '.join(changed)}"})
            self.arrays = values(self.make)
        if len(results) == 2 and not _same(*results):
            self.report({"fault": f"{text} gives two results"})
        self.went += len(results) == 2
        return len(results) == 2


def try_function(watch: Watch, overloads: tuple[Parameters, ...], most: int) -> None:
    """Sound calls, then hostile ones around those that went through: `most` of each at most."""
    tasks = len(os.listdir("/proc/self/task"))
    hostile: list[tuple[list[str], dict[str, str]]] = []
    for one in overloads:
        bases = list(sound_calls(one))
        bases = bases[:: max(1, len(bases) * len(overloads) // most)]
        went = {k for k, base in enumerate(bases) if watch.call(base, {})}
        hostile += hostile_calls(one, spread(bases, went))
    for positional, named in hostile[:: max(1, len(hostile) // most)]:
        watch.call(positional, named)
    if len(os.listdir("/proc/self/task")) > max(tasks, watch.pool) + _SOME_THREADS:
        watch.report({"fault": f"{watch.name} left a thread"})
    if os.listdir("."):
        watch.report({"fault": f"{watch.name} wrote {os.listdir('.')}"})
    watch.report({"went": watch.went})


def _child(name: str, function: Any, overloads: Any, make: Make, most: int, pool: int, pipe: int,
           said: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (make.seconds, make.seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + (3 << 30),) * 2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(said, 2)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)

        def report(what: dict[str, Any]) -> None:
            os.write(pipe, json.dumps(what).encode() + b"\n")

        try_function(Watch(name, function, make, report, pool), overloads, most)
    os._exit(0)


def pool_of(make: Make) -> int:
    """How many threads a process has once every pool of the family has started, measured in a process of its own."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        make.warm()
        os.write(write, str(len(os.listdir("/proc/self/task"))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as said:
        return int(said.read())


def attempt(name: str, function: Any, overloads: Any, make: Make, most: int, pool: int = 0) -> dict[str, Any]:
    """What happened to one function: name, calls that were tried and went through, faults, whether time ran out, the
    call that ended it for want of memory."""
    read, write = os.pipe()
    last_words = os.memfd_create("stderr")
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            _child(name, function, overloads, make, most, pool, write, last_words)
        finally:
            os._exit(9)
    os.close(write)
    said, found = "", {"name": name, "went": 0, "tried": 0, "faults": [], "late": False, "full": ""}
    with os.fdopen(read) as lines:
        for line in lines:
            what = json.loads(line)
            said = what.get("said", said)
            found["tried"] += "said" in what
            found["went"] = what.get("went", found["went"])
            if "fault" in what:
                found["faults"].append(what["fault"])
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = signal.Signals(os.WTERMSIG(status))
        if number in (signal.SIGXCPU, signal.SIGKILL):
            found["late"] = True
        elif number == signal.SIGABRT and _NO_MEMORY.search(os.pread(last_words, 1 << 20, 0)):
            found["full"] = said
        else:
            found["faults"].append(f"{said} ended in {number.name}")
    elif os.WEXITSTATUS(status):
        found["faults"].append(f"{said} ended with status {os.WEXITSTATUS(status)}")
    os.close(last_words)
    return found


def functions(family: str, names: list[str]) -> Iterator[tuple[str, Any, tuple[Parameters, ...]]]:
    """(name, function behind its guard, overloads) of every admitted function of a family, or of those named."""
    for name in names or sorted(whitelist(family).functions):
        module, _, last = full(family, name).rpartition(".")
        owner: Any = importlib.import_module(module.partition(".")[0])
        for part in module.split(".")[1:]:
            owner = getattr(owner, part)
        function = getattr(owner, last, None)
        if function is not None:
            yield name, GUARDS.get(name, lambda f: f)(function), parameters(family)[name]


class _Torch(Make):
    def __call__(self, array: Any) -> Any:
        import torch

        return torch.from_numpy(np.array(array)) if array.ndim else torch.tensor(array.item())


class _Jax(Make):
    seconds = 5  # sooner than for torch, since most of it is compiling

    def settled(self, result: Any) -> Any:
        import jax

        return jax.block_until_ready(result)

    def warm(self) -> None:
        import jax.numpy as jnp

        for k in range(1, 20):  # the last threads of its pools start with some later program
            jnp.linalg.svd(jnp.take(np.ones((k, 4)), np.array([0, 1]), axis=0) @ np.ones((4, k)))


def maker(family: str) -> Make:
    """Imports the framework."""
    if family == "torch":
        importlib.import_module("torch")
        return _Torch()
    importlib.import_module("jax").config.update("jax_enable_x64", True)
    return _Jax()


def main(words: list[str]) -> int:
    family, _, most = words[0].partition(":")
    make, bad, names = maker(family), 0, words[1:]
    calls, pool = int(most or MOST_CALLS[family]), pool_of(make)
    for name, function, overloads in functions(family, names):
        found = attempt(name, function, overloads, make, calls, pool)
        bad += bool(found["faults"])
        print(json.dumps(found), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
