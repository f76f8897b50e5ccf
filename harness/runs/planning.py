"""The plan: which case is observed on which target at which dtype. Pure: the same arguments give the same tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import sha256

from harness.formats import HALVES
from harness.model import Case, Source, Task
from harness.runs.protocol import task_digest
from harness.workers.process import WorkerSpec


@dataclass(frozen=True, order=True)
class Target:
    """Where observations are made: a backend on a device in a mode, in one environment.

    backend: the name that rows carry. spec: what loads it (empty: the name). python: the interpreter of its
    environment, empty for the coordinator's own. family: which text of a case it evaluates.
    """

    backend: str
    device: str = "cpu"
    mode: str = "eager"
    spec: str = ""
    python: str = ""
    family: str = ""

    def __str__(self) -> str:
        where = f" in {self.python}" if self.python else ""
        return f"{self.backend} on {self.device} ({self.mode}){where}"

    @classmethod
    def of(cls, task: Task) -> Target:
        """The target of a task (its family is not part of a task and stays empty)."""
        return cls(task.backend, task.device, task.mode, task.spec or task.backend, task.python)


def worker_spec(asked: Task | Target) -> WorkerSpec:
    """The worker that a task, or a target, needs."""
    return WorkerSpec(asked.spec or asked.backend, asked.python, asked.device)


def own_python(path: str | None) -> str:
    """An interpreter as a task names it: "" where it is the one that runs us. Links are not followed: the python of a
    virtual environment is a link to the one it was made from."""
    if not path or os.path.abspath(path) == os.path.abspath(sys.executable):
        return ""
    return os.path.abspath(path)


#: Native APIs that cost more than everything else there together and map the rules of another API over a basis, or
#: repeat them: torch.func.linearize traces the function anew at every point (tens of ms), jax compiles a second,
#: batched program for each of the others. Unless they are asked for, they are observed on the first case of each
#: family, and those of ONCE at its first point alone: the first of the file that a case is read from, whatever is
#: selected, so that a selection is observed as the whole is and known differences speak of both.
DEAR: Mapping[str, tuple[str, ...]] = {
    "torch.func": ("linearize",),
    "jax": (
        "jacrev", "jacrev[holomorphic]", "jacfwd", "jacfwd[holomorphic]", "vmap(grad)", "hessian",
        "hessian[holomorphic]",
    ),
}
ONCE = ("linearize",)
#: Seconds that a task may take of which it is stated that it crashes or hangs: nobody learns anything by waiting.
DEADLY = 30.0


def plan(
    cases: Iterable[Case],
    targets: Sequence[Target],
    *,
    dtypes: Sequence[str] | None = None,
    apis: Sequence[str] | None = None,
    seconds: float | None = None,
    modules: Sequence[str] = (),
    path: Sequence[str] = (),
) -> tuple[Task, ...]:
    """One task for each case, dtype and target, in that order of nesting.

    dtypes: only these; a case that has none of them is left out. apis: native APIs to observe, () for the differential
    alone, ("all",) for all at every dtype. None: at the widest dtype of a case all of them but the DEAR ones, on the
    first case of each family those too, and at other dtypes the differential alone: how an API packs the differential
    does not depend on the function or the precision, and compiling every API again would triple the time of a run.
    seconds: time limit of a task in place of the case's own, which is DEADLY at most where a crash is stated. modules,
    path: modules whose functions cases may call, and where to find them.
    A case without a text for a target's family is planned all the same: its rows are `unsupported`. No differences are
    taken of half-precision values, which have no digits for it.
    """
    from harness.cases import point_arrays

    tasks, families = [], set[str]()
    for case in cases:
        first = bool(case.stands_at) and case.family not in families
        if first:
            families.add(case.family)
        lead = case.stands_at if case.stands_at not in ("", "*") else case.points[0].name if case.points else ""
        asked = [d for d in case.dtypes if dtypes is None or d in dtypes]
        for dtype in case.dtypes:
            if dtypes is not None and dtype not in dtypes:
                continue
            points = point_arrays(case, dtype)
            for target in targets:
                deadly = _deadly(case, target.backend, dtype)
                limit = min(case.seconds, DEADLY) if deadly else case.seconds
                tasks.append(
                    Task(
                        case=case.id,
                        dtype=dtype,
                        backend=target.backend,
                        device=target.device,
                        mode=target.mode,
                        source=case.source(target.family) or Source("none", ""),
                        inputs=case.inputs,
                        points=points,
                        outputs=case.outputs,
                        order=case.order,
                        apis=_apis(apis, dtype == asked[-1]),
                        without=() if apis is not None or first else DEAR.get(target.backend, ()),
                        differences=target.family != "reference" and _without_truth(case) and dtype not in HALVES,
                        skip=frozenset(
                            (p.name, api) for p in points if p.name != lead for api in ONCE if apis is None),
                        modules=tuple(modules),
                        path=tuple(path),
                        seconds=limit if seconds is None else seconds,
                        spec=target.spec or target.backend,
                        python=target.python,
                        derivative=case.derivative if target.family == "reference" else (),
                        deadly=deadly,
                    )
                )
    return tuple(tasks)


def in_halves(cases: Sequence[Case], dtypes: Sequence[str] | None) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """(the cases, those that can be with the half precisions among `dtypes` added to their own; the cases that cannot
    be: an input is complex, and no framework has complex numbers of half precision)."""
    halves = [d for d in HALVES if d in (dtypes or ())]
    if not halves:
        return tuple(cases), ()
    found = tuple(case if case.is_complex else replace(case, dtypes=tuple(dict.fromkeys([*halves, *case.dtypes])))
                  for case in cases)
    return found, tuple(case for case in cases if case.is_complex)


def _deadly(case: Case, backend: str, dtype: str) -> bool:
    """Whether the case states that this backend crashes or hangs in it at this dtype."""
    return any(
        {"crash", "timeout"} & set(e.verdict) and (not e.dtype or dtype in e.dtype)
        and any(fnmatchcase(backend, glob) for glob in e.backends) for e in case.expect)


def _without_truth(case: Case) -> bool:
    """Whether neither a text for the reference nor a closed form says what the derivative is."""
    source = case.source("reference")
    return not case.derivative and (source is None or source.kind == "callable")


def _apis(apis: Sequence[str] | None, widest: bool) -> tuple[str, ...] | None:
    if apis is None:
        return None if widest else ()
    return None if tuple(apis) == ("all",) else tuple(apis)


def plan_digest(tasks: Sequence[Task]) -> str:
    """SHA-256 (hex) of everything that is asked, in order."""
    total = sha256()
    for task in tasks:
        total.update(bytes.fromhex(task_digest(task)))
    return total.hexdigest()
