"""`harness.run(...)`: from paths or cases to a recorded run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from harness import backends as registry
from harness.backends.base import Backend
from harness.formats import DTYPES
from harness.model import Case, CaseError, Task
from harness.runs.errors import NotARun, RunError, TargetError
from harness.runs.execution import Executor, execute
from harness.runs.forecast import forecast, in_words
from harness.runs.local import LocalExecutor
from harness.runs.planning import Target, in_halves, own_python, plan, plan_digest
from harness.runs.progress import Progress
from harness.runs.reading import Run
from harness.runs.reuse import default_store
from harness.selection import Selection

RUNS = Path("runs")  # where runs go that nobody named
DOUBLE = ("complex128", "float64")
WORTH_SAYING = 20.0  # seconds that a run is expected to take


# Longer than a function should be because its options are its signature, and are all explained in it.
def run(
    cases: str | Path | Case | Iterable[str | Path | Case],
    *,
    backends: Sequence[str] | None = None,
    devices: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
    dtypes: Sequence[str] | None = None,
    select: Sequence[str] | str | None = None,
    apis: Sequence[str] | None = None,
    jobs: int | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    allow: Sequence[str] = (),
    python: Mapping[str, str | Sequence[str]] | None = None,
    seconds: float | None = None,
    memory: float | None = None,
    reference: bool = True,
    progress: Progress | bool | None = None,
    executor: Executor | str | None = None,
    reuse: bool | str | Path = False,
    tour: bool = False,
    require_sandbox: bool = False,
) -> Run:
    """Observe cases and record what was observed.

    cases: Case objects, or paths of case files and folders. backends: names, or "package.module:Class" (default: every
    one whose framework is installed). devices: in the frameworks' own words (default "cpu"). modes: default each
    backend's own. dtypes: only these; half precisions, of any
    case without complex inputs. select: globs on CASE or CASE@POINT. apis: native APIs, None for all, () for the
    differential alone. jobs: workers at a time (default: one a processor). output: the run folder (default
    runs/TIME-DIGEST). resume: continue `output`, or the newest incomplete run in runs/. allow: modules whose functions
    cases may call. python: backend -> interpreter(s) of the environment(s) it is to be observed in ("" is our own).
    seconds: time limit of a task in place of the case's own. memory: GiB that one worker may use. reference: whether
    the arbitrary-precision reference takes part too. progress: True or None for standard error, False for none.
    executor: where workers live: an Executor (which disregards jobs and memory), "local" (the default), "ray" or
    "ray://ADDRESS" (docs/scale.md). reuse: take what was observed before under exactly the same conditions from a store
    in this folder (True: in the cache folder), and add what is observed now (harness.runs.reuse). tour: of the cases
    those, and of their points those, from which most is learnt in a minute (harness.cases.touring), in double precision
    where no dtypes are named. require_sandbox: whether to refuse to run where a worker would not be shut in
    (docs/security.md).

    Raises CaseError and RunError. Targets that cannot be run are in `failed_targets` of the result, unless there is
    no other.
    """
    backends, devices, modes, dtypes, apis = map(as_words, (backends, devices, modes, dtypes, apis))
    _positive(jobs=jobs, seconds=seconds, memory=memory)
    found = everything = Selection(select).chosen(_cases(cases, allow))
    if tour:
        from harness.cases import tour as most_telling

        found, dtypes = most_telling(found), dtypes or DOUBLE
    targets, absent = _targets(backends, devices, modes, python or {}, reference)
    classes = [registry.load(target.spec or target.backend) for target in targets]
    native = [api.name for cls in classes for api in cls.apis]
    _known("API", apis if native else None, [*native, "all"])
    _known("dtype", dtypes, list(DTYPES))
    found, complex_ones = in_halves(found, dtypes)
    path = (os.getcwd(),) if allow else ()
    tasks = plan(found, targets, dtypes=dtypes, apis=apis, seconds=seconds, modules=allow, path=path)
    if not tasks:
        asked = f"at {', '.join(dtypes)}" if dtypes else "in these paths"
        hint = "no framework has complex numbers of half precision" if complex_ones else (
            "harness list shows the cases and their dtypes")
        raise CaseError(f"there is nothing to run {asked}", None, hint)
    planned = {task.case for task in tasks}
    shown = progress if isinstance(progress, Progress) else _progress(progress)
    workers = _executor(executor, jobs, memory)
    if complex_ones:
        shown.say(f"{len(complex_ones)} cases with complex inputs are not run in half precision: no framework has "
                  "complex numbers of it")
    if not resume and isinstance(workers, LocalExecutor):
        for sentence in _beforehand(tasks, everything if tour else (), dtypes, len(targets), workers.jobs):
            shown.say(sentence)
    return execute(
        tasks,
        _folder(output, resume, tasks),
        cases=[case for case in found if case.id in planned],
        executor=workers,
        resume=resume,
        progress=shown,
        absent=absent,
        reuse=_store(reuse),
        require_sandbox=require_sandbox,
    )


def _beforehand(
    tasks: Sequence[Task], everything: Sequence[Case], dtypes: Sequence[str] | None, targets: int, jobs: int
) -> Iterator[str]:
    """What a person wants to know before a long run begins. everything: the cases of which the tasks are a tour."""
    expected = forecast(tasks, jobs)
    if expected >= WORTH_SAYING or everything:
        yield f"{len(tasks)} tasks on {targets} targets, {in_words(expected)} here with empty caches"
    if everything:
        cases, points = len({t.case for t in tasks}), sum(len(t.points) for t in tasks) // targets
        every = [(c, d) for c in everything for d in c.dtypes if dtypes is None or d in dtypes]
        whole = expected * len(every) * targets / len(tasks)
        total = sum(len(c.points) for c, _ in every)
        yield (f"a tour: {cases} of {len(everything)} cases, {points} of {total} points; without --tour all of them, "
               f"{in_words(whole)}")


def as_words(asked: Sequence[str] | str | None) -> Sequence[str] | None:
    """A single word where several may be given is one of them, not its letters."""
    return [asked] if isinstance(asked, str) else asked


def _positive(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not 0 < number < float("inf"):
            raise CaseError(f"{name} is {number:g}", None, "a number above 0")


def _known(what: str, words: Sequence[str] | None, known: Sequence[str]) -> None:
    """Raises CaseError for a word that no target knows: it would leave nothing to observe."""
    for word in words or ():
        if word not in known:
            names = list(dict.fromkeys(known))
            close = get_close_matches(word, names, n=3) or names[:8]
            raise CaseError(f"no backend here has the {what} {word!r}", None, f"near: {', '.join(close)}")


def _executor(asked: Executor | str | None, jobs: int | None, memory: float | None) -> Executor:
    if asked is None or asked == "local":
        return LocalExecutor(jobs, memory)
    if not isinstance(asked, str):
        return asked
    if asked == "ray" or asked.startswith("ray://"):
        from harness.runs.ray import RayExecutor

        return RayExecutor(asked, jobs, memory)
    raise CaseError(f"there is no executor {asked!r}", None, "local, ray, or ray://ADDRESS")


def _store(asked: bool | str | Path) -> Path | None:
    if asked is False:
        return None
    if asked is not True:
        return Path(asked) / "store.sqlite"
    store = default_store()
    if store is None:
        raise CaseError("nothing can be reused: HARNESS_CACHE is off", None, "set it to a folder, or unset it")
    return store


def _progress(wanted: bool | None) -> Progress:
    return Progress.silent() if wanted is False else Progress.auto()


def _cases(cases: str | Path | Case | Iterable[str | Path | Case], allow: Sequence[str]) -> list[Case]:
    items = [cases] if isinstance(cases, str | Path | Case) else list(cases)
    paths = [item for item in items if not isinstance(item, Case)]
    found = [item for item in items if isinstance(item, Case)]
    if paths:
        from harness.cases import load

        found += load(paths, allow=allow)
    seen: dict[str, Case] = {}
    for case in found:
        if seen.setdefault(case.id, case) is not case:
            raise CaseError(f"case {case.id!r} is there twice", case.place, f"also in {seen[case.id].place}")
    return found


def _targets(
    asked: Sequence[str] | None,
    devices: Sequence[str] | None,
    modes: Sequence[str] | None,
    python: Mapping[str, str | Sequence[str]],
    reference: bool,
) -> tuple[list[Target], dict[str, str]]:
    """(targets, backends left out and why). What was asked for by name is a target even where it cannot be run."""
    classes: dict[str, type[Backend]] = {}
    absent: dict[str, str] = {}
    for spec in dict.fromkeys(asked) if asked is not None else registry.available():
        classes[spec] = registry.load(spec)
    if reference and "reference" in registry.available():
        classes.setdefault("reference", registry.load("reference"))
    elif not reference and not (asked and "reference" in asked):
        classes.pop("reference", None)
    if asked is None:
        _known("mode", modes, [mode for cls in classes.values() for mode in cls.modes])
    for spec in python:
        if spec not in classes:
            raise CaseError(f"an interpreter is given for {spec!r}, which is not among the backends", None,
                            f"they are {', '.join(classes)}")
    targets = []
    for spec, cls in classes.items():
        by_name = asked is not None and spec in asked
        interpreters = python.get(spec, "")
        environments = [interpreters] if isinstance(interpreters, str) else list(interpreters)
        lacking = registry.missing(cls)
        for environment in dict.fromkeys(map(own_python, environments)):
            if lacking and not environment and not by_name:
                absent[spec] = f"not installed: {', '.join(lacking)}"
                continue
            for mode in _modes(cls, modes, by_name, spec, absent):
                for device in _devices(cls, devices):
                    targets.append(Target(cls.name, device, mode, spec, environment, cls.family))
    _unambiguous(targets)
    if asked is None and not any(target.family != "reference" for target in targets):
        why = "; ".join(f"{name}: {why}" for name, why in absent.items()) or "none is installed"
        raise TargetError(f"there is no framework to observe here ({why}): pip install wirtinger-harness[torch] or "
                          "wirtinger-harness[jax], or name another interpreter with --python BACKEND=PATH")
    if not targets:
        reasons = "; ".join(f"{name}: {why}" for name, why in absent.items())
        raise RunError(f"there is no backend to run ({reasons or 'none is installed'})")
    return targets, absent


def _modes(
    cls: type[Backend], modes: Sequence[str] | None, by_name: bool, spec: str, absent: dict[str, str]
) -> list[str]:
    if modes is None or cls.family == "reference":  # the reference has nothing to choose among
        return [cls.default_mode]
    have = [mode for mode in modes if mode in cls.modes]
    if not have and not by_name:
        absent[spec] = f"has no mode {', '.join(modes)}"
        return []
    return have or list(modes)


def _devices(cls: type[Backend], devices: Sequence[str] | None) -> Sequence[str]:
    return ["cpu"] if devices is None or cls.family == "reference" else list(dict.fromkeys(devices))


def _unambiguous(targets: Sequence[Target]) -> None:
    specs: dict[str, str] = {}
    for target in targets:
        other = specs.setdefault(target.backend, target.spec)
        if other != target.spec:
            raise CaseError(f"{other} and {target.spec} are both called {target.backend!r}; give them different names")


def _folder(output: str | Path | None, resume: bool, tasks: Sequence[Task]) -> Path:
    if output is not None:
        return Path(output)
    if resume:
        open_runs = [p for p in RUNS.glob("*") if (p / "header.json").exists() and not (p / "closed.json").exists()]
        if not open_runs:
            raise NotARun(f"there is no incomplete run in {RUNS}/ to continue; name one with --output")
        return max(open_runs, key=lambda p: p.name)
    return RUNS / f"{datetime.now():%Y%m%d-%H%M%S}-{plan_digest(tasks)[:8]}"
