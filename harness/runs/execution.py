"""Carry out a plan: ask the executor, write what comes, close the run. One writer, wherever the workers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from harness.kept import trouble
from harness.model import Case, Task
from harness.runs.errors import DamagedRun, RunError, TargetError, WorkerFailed
from harness.runs.header import catalogue_of, check_same, check_targets, describe, question
from harness.runs.local import LocalExecutor
from harness.runs.planning import Target, worker_spec
from harness.runs.progress import Progress
from harness.runs.reading import Run, read_header
from harness.runs.recovery import Ledger
from harness.runs.reuse import Keys, Reuse, Store
from harness.runs.shut_in import exposed
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
    require_sandbox: bool = False,
) -> Run:
    """Observe every task and record it in `folder`.

    cases: the cases of the tasks, kept with the run. executor: default LocalExecutor(). resume: continue a run that
    was interrupted; tasks that are done are not repeated. absent: backends that are not installed, and why.
    reuse: the store from which what was observed before is taken, and to which more is added (harness.runs.reuse).
    require_sandbox: whether a worker that is not shut in is a RunError before anything runs.
    Raises TargetError where no target at all can be run (single ones are in `failed_targets` of the result), and the
    other RunErrors; an interrupted run stays readable.
    """
    progress = progress or Progress.silent()
    executor = executor or LocalExecutor()
    open_to = exposed(tasks) if isinstance(executor, LocalExecutor) else "workers of a cluster are not shut in"
    if require_sandbox and open_to:
        raise RunError(f"nothing was run: {open_to}, and --require-sandbox was given")
    store = Folder(Path(folder), resume)
    started, outcome = now(), "interrupted"
    executor.identify = reuse is not None
    if isinstance(executor, LocalExecutor):
        executor.shut_in.wanted = _strangers_only(tasks)
        if executor.shut_in.wanted and (lacking := sandbox.missing()):
            progress.say(f"{lacking}: cases are held back by the grammar alone")
        if why := trouble():
            progress.say(why)
    kept: Reuse | None = None
    try:
        state = _Recording(Path(folder), store, catalogue_of(cases), cases, tasks, progress)
        if state.reopened():
            return Run.open(folder)
        todo = state.ask(executor, dict(absent or {}))
        if reuse is not None and todo:
            kept = Reuse(Store(reuse, progress.say))
            kept.count.planned = len(tasks)
            todo = kept.take(todo, Keys(state.answers(), state.header["process"]), store.append)
            progress.say(str(kept.count))
        _observe(executor, todo, state.header, store, progress, kept)
        store.finish(state.header)
        outcome = "complete"
    except RunError:
        outcome = "failed"
        raise
    finally:
        executor.close()
        progress.end()
        _put_away(store, kept, started, outcome)
    return Run.open(folder)


def _put_away(store: Folder, kept: Reuse | None, started: str, outcome: str) -> None:
    """Note how the invocation ended and let go of the folder; one in which nothing was begun is no run."""
    if kept is not None:
        kept.close()
    if not store.begun:
        store.discard()
        return
    try:
        more = {} if kept is None else {"reused": asdict(kept.count)}
        store.note_invocation(started=started, ended=now(), outcome=outcome, **more)
    finally:
        store.release()


class _Recording:
    """What a run knows before the first observation: its question, its targets, and what is done already."""

    def __init__(
        self, path: Path, store: Folder, catalogue: Any, cases: Sequence[Case], tasks: Sequence[Task],
        progress: Progress,
    ) -> None:
        self.path, self.store, self.catalogue, self.progress = path, store, catalogue, progress
        self.asked = question(catalogue, cases, tasks)
        self.targets = list(dict.fromkeys(Target.of(task) for task in tasks))
        index = {target: k for k, target in enumerate(self.targets)}
        self.todo = [Ledger(k, task, index[Target.of(task)]) for k, task in enumerate(tasks)]
        self.header: dict[str, Any] = {}
        self.hellos: Mapping[WorkerSpec, dict[str, Any] | WorkerFailed] = {}

    def reopened(self) -> bool:
        """Whether the folder holds this run whole; what it holds of it is taken off what is to be done."""
        if not self.store.begun:
            return False
        self.header = read_header(self.path)
        check_same(self.header, self.asked)
        if (self.path / "closed.json").exists():
            try:
                Run.open(self.path)
                return True
            except DamagedRun as error:
                self.progress.say(str(error))
                (self.path / "closed.json").unlink()
        done = self.store.reopen(self.todo, self.progress.say)
        failed = {k for k, entry in enumerate(self.header["targets"]) if entry["failed"]}
        self.todo = [x for x in self.todo if x.number not in done and x.target not in failed]
        return False

    def ask(self, executor: Executor, absent: dict[str, str]) -> list[Ledger]:
        """Start a worker of each kind that has work, write the header; what is to be done where a target can run."""
        if self.todo or not self.header:
            kinds = Counter(worker_spec(ledger.task) for ledger in self.todo)
            self.progress.say(f"starting {', '.join(sorted({k.spec for k in kinds}))}")
            self.hellos = executor.open(kinds)
            known = [k for k, target in enumerate(self.targets) if worker_spec(target) in self.hellos]
            entries = describe([self.targets[k] for k in known], self.hellos)
            if self.header:
                before = self.header["targets"]
                check_targets(before, [e for e, k in zip(entries, known, strict=True) if not before[k]["failed"]])
            else:
                self.header = {**self.asked, "targets": entries, "absent": absent}
                if lacking := sandbox.missing():
                    self.header["sandbox"] = lacking
                if entries and all(entry["failed"] for entry in entries):
                    raise TargetError("\n".join(f"{e['name']} could not be run: {e['failed']}" for e in entries))
                self.store.write_json("catalogue.json", self.catalogue)
                self.store.write_json("header.json", self.header)
        else:
            self.store.write_json("catalogue.json", self.catalogue)
        todo = [x for x in self.todo if not self.header["targets"][x.target]["failed"]]
        for ledger in todo:
            ledger.apis = tuple(api[0] for api in self.header["targets"][ledger.target]["apis"])
        return todo

    def answers(self) -> dict[WorkerSpec, dict[str, Any]]:
        """The hellos of the workers that came up."""
        return {kind: hello for kind, hello in self.hellos.items() if not isinstance(hello, WorkerFailed)}


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
