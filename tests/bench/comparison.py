"""How long comparing takes: a synthetic run of any number of observations, and the curve over three decades.

    python -m tests.bench.comparison [ROWS ...]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from harness.comparison.api import compare_tables
from harness.comparison.value_kinds import Array
from harness.model import Case, Input, Point

#: (backend, the APIs of its raw rows with their question, kind and sign)
_SIDES = (
    ("torch.func", (("grad", "gradient", "gradient", 1), ("jacrev", "jacobian-reverse", "jacobian-reverse", 1))),
    ("jax", (("grad", "gradient", "gradient", -1), ("jacrev", "jacobian-reverse", "jacobian-reverse", -1))),
)
_ROWS = 5  # of one side at one point: value, pullback, pushforward, two raw
_POINTS = 20


def synthetic(rows: int, wrong: float = 0.02, seed: int = 0) -> tuple[pa.Table, dict[str, Any], list[Case]]:
    """(table, header, cases) of two backends on elementwise functions of three complex numbers, about `rows` rows.

    In the share `wrong` of the places the second backend has a wrong sign, a factor, a zero or a NaN in one element.
    """
    spots = max(1, rows // (_ROWS * len(_SIDES)))
    count = -(-spots // _POINTS)
    width = len(str(count))
    names = [f"case-{k:0{width}d}" for k in range(count)]
    points = [f"p{k:02d}" for k in range(_POINTS)]
    random = np.random.default_rng(seed)
    derivative = random.normal(size=(spots, 3)) + 1j * random.normal(size=(spots, 3))
    value = derivative * (0.5 + 0.25j)
    tables = []
    for number, (backend, apis) in enumerate(_SIDES):
        d = derivative.copy()
        if number:
            bad = np.flatnonzero(random.random(spots) < wrong)
            d[bad, 0] *= random.choice(np.array([-1, 2, 0, np.nan]), bad.size)
        tables.append(_side(backend, apis, d, value, names, points))
    header = {"targets": [
        {"backend": backend, "device": "cpu", "mode": "eager", "environment": backend, "default_mode": "eager",
         "versions": {backend.partition(".")[0]: "1.0"}, "apis": [list(a) for a in apis]}
        for backend, apis in _SIDES
    ]}
    arrays = {"z": np.ones(3, complex)}
    cases = [
        Case(name, {"portable": "f(z)"}, (Input("z", "complex", (3,)),), tuple(Point(p, arrays) for p in points),
             ("complex128",))
        for name in names
    ]
    return pa.concat_tables(tables).unify_dictionaries(), header, cases


def _side(
    backend: str, apis: Sequence[tuple[str, str, str, int]], d: Array, value: Array, names: Sequence[str],
    points: Sequence[str],
) -> pa.Table:
    spots = d.shape[0]
    diagonal = np.zeros((spots, 2, 3, 2, 3))
    at = np.arange(3)
    diagonal[:, 0, at, 0, at] = diagonal[:, 1, at, 1, at] = d.real
    diagonal[:, 1, at, 0, at], diagonal[:, 0, at, 1, at] = d.imag, -d.imag
    j = diagonal.reshape(spots, 36)
    jacobian = np.zeros((spots, 3, 3), complex)
    jacobian[:, at, at] = d.real - 1j * apis[1][3] * d.imag
    gradient = d.real - 1j * apis[0][3] * d.imag
    blocks = [value, j, j, gradient, jacobian.reshape(spots, 9)]
    raw = [np.ascontiguousarray(b).view(np.uint8).reshape(spots, -1) for b in blocks]
    data = np.concatenate(raw, axis=1).reshape(-1)
    sizes = np.tile([r.shape[1] for r in raw], spots)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = spots * _ROWS
    shapes = [[3], [6, 6], [6, 6], [3], [3, 3]]

    def constant(word: str) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(total, np.int32)), [word])

    def cycle(words: Sequence[str]) -> pa.DictionaryArray:
        known = sorted(set(words))
        codes = np.tile(np.array([known.index(w) for w in words], np.int32), spots)
        return pa.DictionaryArray.from_arrays(pa.array(codes), known)

    spot = np.repeat(np.arange(spots, dtype=np.int32), _ROWS)
    binary = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), total, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes())]
    )
    ends = np.concatenate([[0], np.cumsum(np.tile([len(s) for s in shapes], spots))]).astype(np.int32)
    shape = pa.ListArray.from_arrays(pa.array(ends), pa.array(np.tile(np.concatenate(shapes), spots).astype(np.int32)))
    columns = {
        "case": pa.DictionaryArray.from_arrays(pa.array(spot // _POINTS), list(names)),
        "point": pa.DictionaryArray.from_arrays(pa.array(spot % _POINTS), list(points)),
        "dtype": constant("complex128"), "backend": constant(backend), "device": constant("cpu"),
        "mode": constant("eager"), "environment": constant(backend),
        "api": cycle(["", "pullback", "pushforward", apis[0][0], apis[1][0]]),
        "quantity": cycle(["value", "differential", "differential", "raw", "raw"]),
        "input": cycle(["", "z", "z", "z", "z"]), "output": constant("out"), "status": constant("ok"),
        "kind": cycle(["<c16", "<f8", "<f8", "<c16", "<c16"]), "shape": shape, "data": binary,
        "error": constant(""), "message": constant(""),
    }
    return pa.table(columns)


def measure(rows: int) -> tuple[int, float, int]:
    """(observations, seconds to compare them along the backend axis, rows of the frame)."""
    table, header, cases = synthetic(rows)
    begin = time.perf_counter()
    frame = compare_tables([table], [header], [cases])
    return table.num_rows, time.perf_counter() - begin, len(frame)


def main(arguments: Sequence[str]) -> int:
    """Print rows, seconds, microseconds per row and the peak memory of the process so far."""
    print(f"{'observations':>12}  {'seconds':>8}  {'us/row':>7}  {'compared':>9}  {'peak MiB':>8}")
    for rows in [int(a) for a in arguments] or [1_000, 10_000, 100_000, 1_000_000]:
        count, seconds, compared = measure(rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
        print(f"{count:12,}  {seconds:8.2f}  {1e6 * seconds / count:7.1f}  {compared:9,}  {peak:8,.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
