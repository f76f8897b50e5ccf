"""The header of a run: everything that could change a number, and nothing that differs between two equal runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from harness.model import Case, Task
from harness.runs.errors import PlanChanged, WorkerFailed
from harness.runs.planning import Target, plan_digest, worker_spec
from harness.runs.store import FORMAT, canonical, digest
from harness.version import __version__
from harness.workers.process import NUMERIC, SETTINGS, WorkerSpec

_HELLO = (
    "family", "versions", "flags", "default_mode", "apis", "convention", "python", "implementation", "numpy",
    "platform", "machine",
)
Hello = dict[str, Any] | WorkerFailed


def catalogue_of(cases: Sequence[Case]) -> dict[str, Any]:
    """What catalogue.json holds."""
    from harness.cases import to_json

    return {"cases": [to_json(case) for case in cases]}


def question(catalogue: Mapping[str, Any], cases: Sequence[Case], tasks: Sequence[Task]) -> dict[str, Any]:
    """The part of the header that is known before any framework is asked."""
    return {
        "format": FORMAT,
        "harness": __version__,
        "catalogue": {
            "digest": digest(canonical(catalogue)),
            "cases": len(cases),
            "points": sum(len(c.points) for c in cases),
        },
        "plan": {"digest": plan_digest(tasks), "tasks": len(tasks)},
        "process": settings(),
    }


def settings() -> dict[str, str]:
    """Environment variables that frameworks read and that may change numbers (folders and caches do not)."""
    values = {**SETTINGS, **os.environ}
    wanted = (n for n in sorted(values) if NUMERIC.fullmatch(n) and not n.endswith(("_DIR", "_PATH", "_HOME")))
    return {name: values[name] for name in wanted}


def describe(targets: Sequence[Target], hellos: Mapping[WorkerSpec, Hello]) -> list[dict[str, Any]]:
    """One entry a target: what it is, its exact versions and flags; `failed` says why it cannot be run, or nothing."""
    entries: list[dict[str, Any]] = []
    names: dict[tuple[str, str], str] = {}  # (backend, environment) -> the interpreter that holds it
    for target in targets:
        kind = worker_spec(target)
        hello = hellos[kind]
        entry: dict[str, Any] = {
            "name": str(target), "backend": target.backend, "spec": kind.spec, "device": target.device,
            "mode": target.mode, "interpreter": target.python, "environment": "", "failed": "",
        }
        if isinstance(hello, WorkerFailed):
            entry["failed"] = hello.message
        else:
            entry.update({name: hello[name] for name in _HELLO})
            entry["failed"] = _unusable(target, hello)
            label = _environment(hello)
            # Two environments of one backend may hold the same release of the framework.
            for more in ("", f", python {hello['python']}", f", {target.python}"):
                if names.setdefault((target.backend, label + more), target.python) == target.python:
                    entry["environment"] = label + more
                    break
        entries.append(entry)
    return entries


def _environment(hello: Mapping[str, Any]) -> str:
    """The framework and its version, "torch 2.13.0"; the other packages' versions are in the header."""
    package, version = next(iter(hello["versions"].items()), ("", ""))
    return f"{package} {version}".strip()


def _unusable(target: Target, hello: Mapping[str, Any]) -> str:
    if target.mode not in hello["modes"]:
        return f"{target.backend} has no mode {target.mode!r}; it has {', '.join(hello['modes'])}"
    for name, usable, reason in hello["devices"]:
        if name == target.device:
            return "" if usable else reason or f"{target.backend} cannot use {name!r}"
    return f"{target.backend} has no device {target.device!r} here; it has {', '.join(d[0] for d in hello['devices'])}"


def check_same(before: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise PlanChanged where what is asked now is not what was asked when the run began."""
    words = {
        "harness": "another release of harness", "catalogue": "other cases",
        "plan": "other dtypes, targets, APIs or limits", "process": "other environment variables",
    }
    for name, what in words.items():
        if before.get(name) != asked[name]:
            detail = _differences(before.get(name), asked[name])
            raise PlanChanged(f"the run cannot be continued: it was begun with {what} ({detail}). {_ADVICE}")


def check_targets(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> None:
    """Raise PlanChanged where a target has other versions or flags than when the run began."""
    known = {(t["name"], t["spec"]): t for t in before}
    for target in now:
        then = known.get((target["name"], target["spec"]), {})
        if target["failed"]:
            raise PlanChanged(f"the run cannot be continued: {target['name']} cannot be run now: {target['failed']}")
        for name in _HELLO:
            if then.get(name) != target[name]:
                detail = _differences(then.get(name), target[name])
                raise PlanChanged(
                    f"the run cannot be continued: {target['name']} has changed since it was begun ({name}: {detail}). "
                    f"{_ADVICE}"
                )


_ADVICE = "Begin another run in another folder, and compare the two with --axis version"


def _differences(before: Any, now: Any) -> str:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [k for k in sorted({*before, *now}) if before.get(k) != now.get(k)]
        return ", ".join(f"{k} was {_short(before.get(k))}, is {_short(now.get(k))}" for k in keys)
    return f"was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:12] + "..."
