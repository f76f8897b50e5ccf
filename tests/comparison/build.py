"""Observation tables made by hand, for tests of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.comparison import compare_tables
from harness.comparison.frame import Comparison
from harness.comparison.observations import COLUMNS as OBSERVED
from harness.comparison.predict import salt
from harness.model import Case, Expectation, Input, Point
from harness.wirtinger import expected_normal, from_components, generic_vector, signed

TORCH_APIS = [
    ["backward", "gradient", "gradient", 1], ["vjp", "vjp", "pullback", 1], ["jvp", "jvp", "pushforward", 1],
    ["jacrev", "jacobian-reverse", "jacobian-reverse", 1], ["jacfwd", "jacobian-forward", "jacobian-forward", 1],
]
JAX_APIS = [
    ["grad", "gradient", "gradient", -1], ["vjp", "vjp", "pullback", -1], ["jvp", "jvp", "pushforward", 1],
    ["jacrev", "jacobian-reverse", "jacobian-reverse", -1], ["jacfwd", "jacobian-forward", "jacobian-forward", 1],
]


def header(
    *backends: str, versions: Mapping[str, str] | None = None, modes: Sequence[str] = ("eager",)
) -> dict[str, Any]:
    """A run's header with one target for each backend and mode."""
    versions = versions or {"torch": "2.13.0+cpu", "jax": "0.10.2"}
    out = []
    for name in backends:
        family = name.partition(".")[0]
        for mode in modes:
            out.append({
                "backend": name, "device": "cpu", "mode": mode, "environment": f"{family} {versions.get(family, '')}",
                "default_mode": modes[0], "versions": {k: v for k, v in versions.items() if k == family},
                "apis": TORCH_APIS if family == "torch" else JAX_APIS if family == "jax" else [], "failed": "",
            })
    return {"targets": out}


def case(
    name: str = "f", *, kind: str = "complex", shape: tuple[int, ...] = (), points: Mapping[str, Any] | None = None,
    expect: Sequence[Expectation] = (), dtypes: Sequence[str] = ("complex128",), **more: Any,
) -> Case:
    """A case with one input z."""
    arrays = {"p": np.ones(shape)} if points is None else points
    return Case(
        name, {"portable": "f(z)"}, (Input("z", kind, shape),), tuple(Point(k, {"z": v}) for k, v in arrays.items()),
        tuple(dtypes), expect=tuple(expect), **more,
    )


class Table:
    """Collects rows."""

    def __init__(self, versions: Mapping[str, str] | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.versions = versions or {"torch": "2.13.0+cpu", "jax": "0.10.2"}

    def add(
        self, backend: str, quantity: str, data: Any = None, *, api: str = "", case: str = "f", point: str = "p",
        dtype: str = "complex128", input: str | None = None, output: str = "out", status: str = "ok", error: str = "",
        message: str = "", mode: str = "eager", device: str = "cpu",
    ) -> Table:
        """One row; data None makes it a row without data."""
        array = None if data is None else np.ascontiguousarray(data)
        if array is not None:
            array = array.reshape(np.shape(data))
        family = backend.partition(".")[0]
        self.rows.append({
            "case": case, "point": point, "dtype": dtype, "backend": backend, "device": device, "mode": mode,
            "environment": f"{family} {self.versions.get(family, '')}", "api": api, "quantity": quantity,
            "input": ("" if quantity == "value" else "z") if input is None else input, "output": output,
            "status": status, "kind": "" if array is None else array.dtype.str,
            "shape": None if array is None else array.shape, "data": None if array is None else array.tobytes(),
            "error": error, "message": message,
        })
        return self

    def differential(self, backend: str, j: Any, forward: Any = None, **where: Any) -> Table:
        """Both differentials (the same matrix unless `forward` is given)."""
        self.add(backend, "differential", np.asarray(j, float), api="pullback", **where)
        return self.add(backend, "differential", np.asarray(j if forward is None else forward, float),
                        api="pushforward", **where)

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(OBSERVED))


def observe(
    table: Table, backend: str, j: np.ndarray, value: Any, in_shape: tuple[int, ...] = (), *, apis: Any = None,
    in_complex: bool = True, case: str = "f", **where: Any,
) -> Table:
    """Everything that a truthful backend with the APIs of its family reports for a function with differential j."""
    value = np.asarray(value)
    out_complex = bool(np.iscomplexobj(value))
    table.add(backend, "value", value, case=case, **where)
    table.differential(backend, j, case=case, **where)
    chosen = (TORCH_APIS if backend.startswith("torch") else JAX_APIS) if apis is None else apis
    for name, _, kind, sign in chosen:
        side = {"pullback": (value.shape, out_complex, "out"), "pushforward": (in_shape, in_complex, "z")}.get(kind)
        dtype = where.get("dtype", "complex128")
        vector = None if side is None else generic_vector(side[0], side[1], dtype, salt(kind, case, side[2]))
        data = expected_normal(kind, j, in_shape, value.shape, in_complex, out_complex, vector)
        assert data is not None
        table.add(backend, "raw", signed(data, sign), api=name, case=case, **where)
    return table


def holomorphic(*derivatives: complex) -> np.ndarray:
    """J of an elementwise holomorphic function with these derivatives."""
    d = np.asarray(derivatives, complex)
    a, b = np.diag(d.real), np.diag(d.imag)
    return np.block([[a, -b], [b, a]])


def run(table: Table | Sequence[Table], cases: Sequence[Case], axis: str = "backend", **options: Any) -> Comparison:
    """Compare; the header is made from the backends that are in the table."""
    tables = [table] if isinstance(table, Table) else list(table)
    headers = []
    for t in tables:
        names = list(dict.fromkeys(r["backend"] for r in t.rows))
        modes = list(dict.fromkeys(r["mode"] for r in t.rows)) or ["eager"]
        headers.append(header(*names, versions=t.versions, modes=modes))
    return compare_tables([t.frame() for t in tables], headers, [cases] * len(tables), axis, **options)


__all__ = ["Table", "case", "from_components", "header", "holomorphic", "observe", "run"]
