"""A small run folder written by the package's own writer, without a framework; and how to seal one that was altered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.model import Case, Expectation, Input, Observation, Point
from harness.runs.arrow_schema import SCHEMA
from harness.runs.header import catalogue_of
from harness.runs.protocol import rows_frame
from harness.runs.store import CLOSED, FORMAT, Folder, canonical, digest, file_digest, write_parquet
from harness.workers.frames import pack
from tests.comparison.build import Table, header, observe

BACKENDS = ("torch.autograd", "jax", "reference")


def cases() -> list[Case]:
    """z**2 at two points, of which jax is wrong at one; a real function; an expectation with a link."""
    square = Case(
        "square", {"portable": "z**2"}, (Input("z", "complex", (2,)),),
        (Point("generic", {"z": np.array([1 + 2j, 3 - 1j])}, "any"),
         Point("left", {"z": np.array([-1 + 2j, -3 + 0j])})),
        ("complex128",), note="a note", family="elementwise/powers",
        expect=(Expectation(("sign",), "it is turned round", points=("left",), link="https://example.org/1",
                            strict=False, versions={"jax": ">=0.4"}),),
    )
    cube = Case(
        "cube", {"torch": "z * z * z", "jax": "jnp.power(z, 3)", "reference": "z**3"}, (Input("z", "real", (2,)),),
        (Point("generic", {"z": np.array([1.5, -2.0])}),), ("float64",), family="elementwise/powers",
    )
    return [square, cube]


def rows() -> Table:
    table = Table()
    for case in cases():
        power, dtype = (2, "complex128") if case.id == "square" else (3, "float64")
        for point in case.points:
            z = point.arrays["z"]
            slope = power * z ** (power - 1)
            j = np.block([[np.diag(slope.real), -np.diag(slope.imag)], [np.diag(slope.imag), np.diag(slope.real)]])
            if case.id == "cube":
                j = np.diag(slope)
            for name in BACKENDS:
                wrong = name == "jax" and point.name == "left"
                if name == "reference":
                    where = {"case": case.id, "point": point.name, "dtype": dtype}
                    table.add(name, "value", z**power, **where)
                    table.add(name, "differential", j, api="reference", **where)
                    table.add(name, "bound", np.full(j.shape, 1e-40), api="reference", **where)
                    table.add(name, "class", np.zeros(j.shape, np.int8), api="reference", **where)
                else:
                    observe(table, name, -j if wrong else j, z**power, (2,), in_complex=case.is_complex, case=case.id,
                            point=point.name, dtype=dtype)
        table.add("torch.autograd", "raw", None, api="hessian", case=case.id, point="generic", dtype=dtype,
                  status="refused", error="RuntimeError", message="not for\ncomplex outputs")
    return table


def write_run(folder: Path) -> Path:
    """The run; returns its folder."""
    catalogue = catalogue_of(cases())
    targets = header(*BACKENDS)["targets"]
    for target in targets:
        target |= {
            "name": f"{target['backend']} on cpu", "spec": target["backend"], "interpreter": "", "family": "torch",
            "flags": {"threads": "1"}, "convention": [1, 1, 1, 1], "python": "3.11.7", "numpy": "2.0",
            "platform": "Linux", "machine": "x86_64", "implementation": "CPython",
        }
    facts = {
        "format": FORMAT, "harness": "0.1.0",
        "catalogue": {"digest": digest(canonical(catalogue)), "cases": 2, "points": 3},
        "plan": {"digest": "0" * 64, "tasks": 6}, "process": {"OMP_NUM_THREADS": "1"},
        "targets": targets, "absent": {"mlx": "not installed"},
    }
    store = Folder(folder)
    store.write_json("catalogue.json", catalogue)
    store.write_json("header.json", facts)
    table = rows()
    for number, (case, target) in enumerate((c, t) for c in cases() for t in range(3)):
        seen = [_observation(r) for r in table.rows if r["case"] == case.id and r["backend"] == BACKENDS[target]]
        store.append(rows_frame(number, case.id, case.dtypes[0], target, seen))
        store.append(pack({"m": "done", "task": number, "rows": len(seen)}))
    store.note_invocation(started="2026-01-01T00:00:00+00:00", ended="", outcome="complete")
    store.finish(facts)
    store.release()
    return folder


def _observation(row: Mapping[str, Any]) -> Observation:
    data = None if row["data"] is None else np.frombuffer(row["data"], row["kind"]).reshape(row["shape"])
    names = ("case", "point", "dtype", "backend", "device", "mode", "api", "quantity", "input", "output", "status")
    return Observation(*(row[n] for n in names), data, row["error"], row["message"], 0.001)


def seal(folder: Path) -> None:
    """Digests in header and mark that fit what the files hold now, as whoever altered them would write them."""
    path = folder / "header.json"
    try:
        head = json.loads(path.read_bytes())
        head["catalogue"]["digest"] = file_digest(folder / "catalogue.json")
        path.write_bytes(canonical(head))
    except (ValueError, TypeError, KeyError, OSError, RecursionError):
        pass  # there is nothing left to seal
    mark = json.loads((folder / "closed.json").read_bytes())
    mark["sha256"] = {name: file_digest(folder / name) for name in CLOSED if (folder / name).is_file()}
    (folder / "closed.json").write_bytes(canonical(mark))


def edit(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Replace a JSON file of the run by what `change` makes of it (None: it changed it in place)."""
    value = json.loads((folder / name).read_bytes())
    made = change(value)
    (folder / name).write_bytes(canonical(value if made is None else made))
    if name != "closed.json":
        seal(folder)


def edit_rows(folder: Path, change: Callable[[list[dict[str, Any]]], Any], schema: pa.Schema = SCHEMA) -> None:
    """Replace the observations by what `change` makes of their rows (None: it changed them in place)."""
    listed = pq.read_table(folder / "observations.parquet", partitioning=None).to_pylist()
    made = change(listed)
    table = pa.Table.from_pylist(listed if made is None else made, schema=schema)
    write_parquet(folder / "observations.parquet", table)
    seal(folder)
