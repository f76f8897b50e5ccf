"""State does not leak from case to case: what a function changes is noticed, and the order of cases does not matter."""

from __future__ import annotations

import builtins
import os
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness import backends
from harness.cases import catalogue_path, load
from harness.model import Case
from harness.runs.local import LocalExecutor
from harness.workers.leaks import Leaks
from tests.in_process import InProcess
from tests.runs.conftest import make_case


def in_orders(cases: list[Case], folder: Path, executor: Callable[[], Any], **options: Any) -> set[bytes]:
    """What runs of the same cases in three random orders observed, as bytes."""
    found = set()
    for seed in range(3):
        order = random.Random(seed).sample(cases, len(cases))
        run = harness.run(order, output=folder / str(seed), executor=executor(), progress=False, **options)
        assert "ok" in set(run.observations()["status"].astype(str))
        assert not (run.path / "worker.log").exists() or "changed" not in (run.path / "worker.log").read_text()
        found.add((run.path / "observations.parquet").read_bytes())
    return found


FILES = ("cumulative/real", "elementwise/hyperbolic", "linalg/determinants", "linalg/native_products",
         "programs/quantum", "seed/linear_layer", "shaping/layouts", "special/error_functions")
SOME = load([catalogue_path() / f"{name}.yaml" for name in FILES])


@pytest.mark.parametrize("backend", ["torch.autograd", "jax"])
def test_the_order_of_the_cases_changes_no_byte(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend.partition(".")[0])
    few = SOME[:: 14 if backend == "jax" else 3]
    cases = [replace(case, points=case.points[:1], dtypes=case.dtypes[:1]) for case in few]
    assert len(in_orders(cases, tmp_path, InProcess, backends=[backend], reference=False, apis=())) == 1


@pytest.mark.whole
@pytest.mark.parametrize("every", [20, 1])
def test_the_order_of_the_catalogue_changes_no_byte(every: int, tmp_path: Path) -> None:
    """Every backend and the reference, all that is asked of them, in worker processes."""
    cases = list(load([catalogue_path()])[::every])
    assert len(in_orders(cases, tmp_path, lambda: LocalExecutor(jobs=2), dtypes=("complex128", "float64"))) == 1


def test_what_a_task_leaves_behind_reaches_no_other(go: Callable[..., Any]) -> None:
    """The next task is observed by another worker, and what changed is in the log; nobody is accused."""
    cases = [make_case(f"case{k}") for k in range(4)]
    run = go("Leaves", cases=cases, jobs=1)
    told, clean = run.observations(), go("Square", cases=cases, output="clean").observations()
    assert (told["status"] == "ok").all() and len(told) == len(clean) == 48
    for left, right in zip(told["data"], clean["data"], strict=True):
        assert np.array_equal(left, right)
    log = (run.path / "worker.log").read_text()
    assert log.count("changed NumPy's error state, so another worker takes over") == 4


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Any, Any, Leaks]]:
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    both = [backends.load(name)() for name in ("torch.func", "jax")]
    yield torch, jax, Leaks(lambda: {k: v for b in both for k, v in b.settings().items()},
                            [space for b in both for space in b.namespaces()])


CHANGES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "torch's default dtype": (lambda t, j: t.set_default_dtype(t.float64), lambda t, j: t.set_default_dtype(t.float32)),
    "torch's threads": (lambda t, j: t.set_num_threads(3), lambda t, j: t.set_num_threads(1)),
    "torch's gradient mode": (lambda t, j: t.set_grad_enabled(False), lambda t, j: t.set_grad_enabled(True)),
    "torch's anomaly mode": (lambda t, j: t.autograd.set_detect_anomaly(True),
                             lambda t, j: t.autograd.set_detect_anomaly(False)),
    "torch's deterministic mode": (lambda t, j: t.use_deterministic_algorithms(False),
                                   lambda t, j: t.set_deterministic_debug_mode("warn")),
    "torch's matmul precision": (lambda t, j: t.set_float32_matmul_precision("high"),
                                 lambda t, j: t.set_float32_matmul_precision("highest")),
    "torch's random numbers": (lambda t, j: t.rand(1), lambda t, j: t.manual_seed(0)),
    "jax's jax_enable_x64": (lambda t, j: j.config.update("jax_enable_x64", False),
                             lambda t, j: j.config.update("jax_enable_x64", True)),
    "jax's jax_default_matmul_precision": (lambda t, j: j.config.update("jax_default_matmul_precision", "default"),
                                           lambda t, j: j.config.update("jax_default_matmul_precision", "highest")),
    "jax's jax_debug_nans": (lambda t, j: j.config.update("jax_debug_nans", True),
                             lambda t, j: j.config.update("jax_debug_nans", False)),
    "NumPy's error state": (lambda t, j: np.seterr(over="raise"), lambda t, j: np.seterr(over="warn")),
    "NumPy's random numbers": (lambda t, j: np.random.rand(), None),
    "Python's random numbers": (lambda t, j: random.random(), None),
    "the current folder": (lambda t, j: os.chdir("/"), None),
    "subnormal numbers": (lambda t, j: t.set_flush_denormal(True), lambda t, j: t.set_flush_denormal(False)),
}


@pytest.mark.parametrize("what", list(CHANGES))
def test_what_a_function_changes_is_noticed(
    what: str, watched: tuple[Any, Any, Leaks], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, jax, leaks = watched
    monkeypatch.chdir(Path(__file__).parent)
    change, back = CHANGES[what]
    before = leaks.read()
    assert leaks.changed(before) == ""
    try:
        change(torch, jax)
        assert what in leaks.changed(before).split(", ")
    finally:
        if back is not None:
            back(torch, jax)


@pytest.mark.parametrize(("owner", "name"), [
    ("torch", "sin"), ("torch.Tensor", "mul"), ("torch.Tensor", "backward"), ("torch.nn.functional", "gelu"),
    ("jax.numpy", "sin"), ("jax", "grad"), ("numpy", "exp"), ("builtins", "sum"),
])
def test_a_replaced_function_is_noticed(
    owner: str, name: str, watched: tuple[Any, Any, Leaks], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, jax, leaks = watched
    place: Any = {"torch": torch, "jax": jax, "numpy": np, "builtins": builtins}[owner.partition(".")[0]]
    for part in owner.split(".")[1:]:
        place = getattr(place, part)
    before = leaks.read()
    with monkeypatch.context() as patch:
        patch.setattr(place, name, lambda *given: None)
        assert f"{owner.rpartition('.')[2] if owner == 'torch.Tensor' else owner}.{name}" in leaks.changed(before)
    assert leaks.changed(before) == ""


def test_warnings_are_put_back(watched: tuple[Any, Any, Leaks]) -> None:
    leaks = watched[2]
    with warnings.catch_warnings():
        before = leaks.read()
        warnings.simplefilter("error")
        assert leaks.changed(before) == "" and list(warnings.filters) == before[1]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            warnings.warn("a warning, not an error", stacklevel=1)
        assert len(seen) == 1
