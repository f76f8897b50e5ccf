"""Carry out a plan: ask the executor, write what comes, close the run. One writer, wherever the workers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from harness.model import Case, Task
from harness.runs.errors import DamagedRun, RunError, TargetError, WorkerFailed
from harness.runs.header import catalogue_of, check_same, check_targets, describe, question
from harness.runs.local import LocalExecutor
from harness.runs.planning import Target, worker_spec
from harness.runs.progress import Progress
from harness.runs.reading import Run, read_json
from harness.runs.recovery import Ledger
from harness.runs.reuse import Keys, Reuse, Store
from harness.runs.store import Folder, now
from harness.runs.worker_slots import Event
from harness.workers import sandbox
from harness.workers.process import WorkerSpec


class Executor(Protocol):
    """Where workers live. The plan, the worker's code, the treatment of failures and the result are the same for all.

    A ledger carries what is known of one task to where its worker is; the events that come back carry the frames that
    go into the journal. An executor sees that every ledger given to `run` ends in an event "done".
    identify: set before `open`; whether hellos say what computes there, to the last file.
    """

    identify: bool

    def open(self, kinds: Mapping[WorkerSpec, int]) -> Mapping[WorkerSpec, dict[str, Any] | WorkerFailed]:
        """The hello of a worker of each kind, or why there is none. kinds: kind -> tasks that wait for it."""

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        """Observe every task; events in batches, in any order between tasks."""

    def close(self) -> None:
        """End everything at once; called in every case."""


def _strangers_only(tasks: Sequence[Task]) -> bool:
    """Whether no task needs more than a case may: code that the user named, a compiler that starts processes."""
    return not any(
        task.modules or task.path or task.source.kind == "callable" or task.mode.startswith("compile") for task in tasks
    )


def execute(
    tasks: Sequence[Task],
    folder: str | Path,
    *,
    cases: Sequence[Case] = (),
    executor: Executor | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    absent: Mapping[str, str] | None = None,
    reuse: Path | None = None,
) -> Run:
    """Observe every task and record it in `folder`.

    cases: the cases of the tasks, kept with the run. executor: default LocalExecutor(). resume: continue a run that
    was interrupted; tasks that are done are not repeated. absent: backends that are not installed, and why.
    reuse: the store from which what was observed before is taken, and to which more is added (harness.runs.reuse).
    Raises TargetError where no target at all can be run (single ones are in `failed_targets` of the result), and the
    other RunErrors; an interrupted run stays readable.
    """
    path = Path(folder)
    catalogue = catalogue_of(cases)
    asked = question(catalogue, cases, tasks)
    targets = list(dict.fromkeys(Target.of(task) for task in tasks))
    index = {target: k for k, target in enumerate(targets)}
    ledgers = [Ledger(k, task, index[Target.of(task)]) for k, task in enumerate(tasks)]
    progress = progress or Progress.silent()
    store = Folder(path, resume)
    started, outcome = now(), "interrupted"
    executor = executor or LocalExecutor()
    executor.identify = reuse is not None
    if isinstance(executor, LocalExecutor):
        executor.shut_in = _strangers_only(tasks)
        if executor.shut_in and (why := sandbox.missing()):
            progress.say(f"{why}: cases are held back by the grammar alone")
    kept: Reuse | None = None
    try:
        header: dict[str, Any] = {}
        todo = ledgers
        if store.begun:
            header = read_json(path / "header.json")
            check_same(header, asked)
            if (path / "closed.json").exists():
                try:
                    return Run.open(path)
                except DamagedRun as error:
                    progress.say(str(error))
                    (path / "closed.json").unlink()
            done = store.reopen(ledgers, progress.say)
            failed = {k for k, entry in enumerate(header["targets"]) if entry["failed"]}
            todo = [x for x in ledgers if x.number not in done and x.target not in failed]
        if todo or not header:
            kinds = Counter(worker_spec(ledger.task) for ledger in todo)
            progress.say(f"starting {', '.join(sorted({k.spec for k in kinds}))}")
            hellos = executor.open(kinds)
            known = [k for k, target in enumerate(targets) if worker_spec(target) in hellos]
            entries = describe([targets[k] for k in known], hellos)
            if header:
                check_targets(header["targets"], [e for e, k in zip(entries, known, strict=True) if k not in failed])
            else:
                header = {**asked, "targets": entries, "absent": dict(absent or {})}
                if entries and all(entry["failed"] for entry in entries):
                    raise TargetError("\n".join(f"{e['name']} could not be run: {e['failed']}" for e in entries))
                store.write_json("catalogue.json", catalogue)
                store.write_json("header.json", header)
        else:
            store.write_json("catalogue.json", catalogue)
        todo = [x for x in todo if not header["targets"][x.target]["failed"]]
        for ledger in todo:
            ledger.apis = tuple(api[0] for api in header["targets"][ledger.target]["apis"])
        if reuse is not None and todo:
            kept = Reuse(Store(reuse, progress.say))
            kept.count.planned = len(ledgers)
            known_hellos = {kind: h for kind, h in hellos.items() if not isinstance(h, WorkerFailed)}
            todo = kept.take(todo, Keys(known_hellos, header["process"]), store.append)
            progress.say(str(kept.count))
        _observe(executor, todo, header, store, progress, kept)
        store.finish(header)
        outcome = "complete"
    except RunError:
        outcome = "failed"
        raise
    finally:
        executor.close()
        progress.end()
        if kept is not None:
            kept.close()
        if store.begun:
            try:
                more = {} if kept is None else {"reused": asdict(kept.count)}
                store.note_invocation(started=started, ended=now(), outcome=outcome, **more)
            finally:
                store.release()
        else:
            store.discard()
    return Run.open(path)


def _observe(
    executor: Executor, ledgers: Sequence[Ledger], header: Mapping[str, Any], store: Folder, progress: Progress,
    kept: Reuse | None,
) -> None:
    progress.begin(header["plan"]["tasks"], len(ledgers))
    by_number = {ledger.number: ledger.task for ledger in ledgers}
    for events in executor.run(ledgers):
        frames = b"".join(event.raw for event in events)
        if frames:
            store.append(frames)
        for event in events:
            if kept is not None:
                kept.give(event)
            if event.kind == "log":
                store.log(event.header["text"])
            progress.event(event, by_number.get(event.number))
