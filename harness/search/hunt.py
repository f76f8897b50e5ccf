"""The hunt: rounds of random programs, each failure shrunk to the smallest program, written down as it is found.

A round is one run of Hypothesis with a seed of its own, made of the hunt's seed and the round's number, so that the
same seed finds the same things in the same rounds, however long they take. Rounds alternate the size of programs, the
modes, and whether second order is asked for. Causes that were found are passed over from then on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.cases import from_json, to_json
from harness.comparison import compare
from harness.model import CaseError, HarnessError
from harness.repro.recorded import script_of
from harness.repro.script import NoScript
from harness.runs.api import run
from harness.search import causes
from harness.search.causes import Failure
from harness.search.here import Here
from harness.search.language import Program, programs

#: Modes of a round, in turn: jax compiles or goes operation by operation, torch takes cotangents one by one or batched.
_MODES: tuple[tuple[str, ...], ...] = (("",), ("",), ("vmap",), ("",), ("eager",), ("checkpoint",))
_EXAMPLES = 40  # programs of one round
_SHRINKS = 120  # programs that are tried to make a failure smaller
FOUND, STATE, CURRENT = "found.jsonl", "state.json", "current.json"


class Failed(Exception):
    """A program at which a framework is named wrong; what Hypothesis sees."""


@dataclass
class Found:
    """One cause: the smallest program that shows it. known: ids of recorded findings it may be; confirmed: whether its
    script, which knows nothing of this package, shows the same. status: "confirmed", "unconfirmed" (no script could be
    made or it does not show it), "unattributed" (several operations, none of them blamed) or "crash"."""

    id: str
    framework: str
    functions: list[str]
    quantity: str
    verdict: str
    status: str
    text: str
    mode: str
    point: str
    known: list[str]
    case: dict[str, Any]
    yaml: str
    round: int
    script: str = ""
    said: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class Hunt:
    """One hunt, in a folder: `found.jsonl`, a line a cause; `state.json`, the rounds done; Hypothesis's examples."""

    def __init__(
        self, folder: Path, seed: int, *, scripts: bool = True, said: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder, self.seed, self.scripts, self.said = folder, seed, scripts, said
        folder.mkdir(parents=True, exist_ok=True)
        self.here = Here()
        self.found = [Found(**json.loads(line)) for line in _lines(folder / FOUND)]
        state = json.loads((folder / STATE).read_text("utf-8")) if (folder / STATE).exists() else {}
        if state and state["seed"] != seed:
            raise CaseError(f"the hunt in {folder} has the seed {state['seed']}", None, "--seed, or another folder")
        self.round, self.programs = int(state.get("round", 0)), int(state.get("programs", 0))
        self.spent = float(state.get("seconds", 0.0))
        self._judged: dict[str, list[Failure]] = {}
        self._failing: Failure | None = None
        self._last: tuple[Program, list[Failure]] | None = None
        self._tries = 0

    def go(self, seconds: float, rounds: int | None = None) -> list[Found]:
        """Hunt until the time is over (the round at hand is finished) or so many rounds are done."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (rounds is None or self.round < rounds):
            began = time.monotonic()
            self._round(self.round)
            self.round += 1
            self.spent += time.monotonic() - began
            self._keep()
        return self.found

    def _keep(self) -> None:
        state = {"seed": self.seed, "round": self.round, "programs": self.programs, "seconds": round(self.spent, 1)}
        _whole(self.folder / STATE, json.dumps(state))

    # -- one round

    def _round(self, number: int) -> None:
        from hypothesis import HealthCheck, Phase, given, seed, settings
        from hypothesis.database import DirectoryBasedExampleDatabase

        self._begin()
        orders = (1,) if number % 3 else (1, 2)
        strategy = programs(1 + number % 4, orders, _MODES[number % len(_MODES)])

        @settings(
            max_examples=_EXAMPLES, database=DirectoryBasedExampleDatabase(self.folder / "examples"), deadline=None,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
        )
        @seed(self.seed * 1_000_003 + number)
        @given(strategy)
        def search(program: Program) -> None:
            self._try(program)

        try:
            search()
        except Failed:
            pass
        except Exception as problem:  # Hypothesis's own: a failure that did not show again
            self.said(f"round {number}: {type(problem).__name__}: {str(problem)[:200]}")
        if self._last is not None:
            self._record(*self._last, number)

    def _begin(self) -> None:
        self._failing, self._last, self._tries = None, None, 0

    def _try(self, program: Program) -> None:
        """Raise Failed where the program shows a cause that was not found before: of a round, one alone."""
        name = json.dumps([to_json(program.case()), program.mode], sort_keys=True)
        told = self._judged.get(name)
        if told is None:
            if self._failing is not None:
                self._tries += 1
                if self._tries > _SHRINKS:
                    return
            told = self._judged[name] = self.judged(program)
        seen = [(f.framework, frozenset(f.functions), f.quantity) for f in self.found]
        fresh = [f for f in told if not causes.is_in(f, seen)]
        if self._failing is not None:
            fresh = [f for f in fresh if f.kind == self._failing.kind]
        if fresh:
            if self._failing is None:
                self._failing = fresh[0]
            self._last = program, [f for f in fresh if f.key == fresh[0].key]
            raise Failed(str(fresh[0].kind))

    def judged(self, program: Program) -> list[Failure]:
        """The accusations that a program at its points gives rise to."""
        self.programs += 1
        case = program.case()
        _whole(self.folder / CURRENT, json.dumps({"case": to_json(case), "mode": program.mode}))
        with tempfile.TemporaryDirectory(prefix="harness-search-") as place:
            try:
                made = run([case], output=Path(place) / "run", executor=self.here, progress=False, apis=(),
                           modes=[program.mode] if program.mode else None)
            except HarnessError:  # a mode that no backend has, a text that none of them spells
                return []
            return causes.failures(compare(made), program)

    # -- what was found

    def _record(self, program: Program, failures: Sequence[Failure], number: int) -> None:
        first = min(failures, key=lambda f: ("ordinary", "structured", "extreme").index(f.at))
        case = program.case(f"found-{len(self.found) + 1}")
        script, said, status = "", "", "unattributed"
        if first.blamed or program.operations == 1:
            script, said, status = self._confirmed(program, first) if self.scripts else ("", "", "unconfirmed")
        functions = sorted(first.functions)
        found = Found(
            f"{first.framework}-{'-'.join(functions)}-{first.quantity}-{first.verdict}", first.framework, functions,
            first.quantity, first.verdict, status, program.text, program.mode, first.at, causes.known(first),
            to_json(case), written(program, first), number, script, said, causes.grouped(failures),
        )
        self.add(found)

    def add(self, found: Found) -> None:
        """Keep a cause, and say so."""
        self.found.append(found)
        with open(self.folder / FOUND, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        mark = f"known: {found.known[0]}" if found.known else "new"
        self.said(f"round {found.round}: {found.framework} {', '.join(found.functions)}: {found.quantity} "
                  f"{found.verdict} at {found.point} numbers ({found.status}, {mark}): {found.text}")

    def _confirmed(self, program: Program, failure: Failure) -> tuple[str, str, str]:
        """(script, what it printed, status), from a run of its own."""
        place = Path(tempfile.mkdtemp(prefix="harness-search-"))
        try:
            made = run([program.case()], output=place / "run", executor=self.here, progress=False, apis=(),
                       modes=[program.mode] if program.mode else None)
            frame = compare(made)
            rows = frame[(frame["right"].astype(str) == "reference") & (frame["point"].astype(str) == failure.at)
                         & (frame["quantity"].astype(str) == failure.quantity)
                         & (frame["verdict"].astype(str) == failure.verdict)
                         & frame["culprit"].astype(str).str.startswith(failure.framework)]
            if rows.empty:
                return "", "it did not show again", "unconfirmed"
            row = {str(k): v for k, v in rows.iloc[0].items()}
            text, holds, said = script_of(row, [(made, made.observations())])
            return text, said, "confirmed" if holds else "unconfirmed"
        except (NoScript, ArithmeticError, ValueError, HarnessError) as problem:
            return "", str(problem), "unconfirmed"
        finally:
            shutil.rmtree(place, ignore_errors=True)


def written(program: Program, failure: Failure | None = None) -> str:
    """The program as a YAML case: what shows the failure first, the other points with it."""
    case = program.case("found")
    points = {p.name: {n: _literal(a) for n, a in p.arrays.items()} for p in case.points}
    if failure is not None:
        points = {failure.at: points.pop(failure.at), **points}
    inputs = {i.name: f"{i.kind}[{', '.join(map(str, i.shape))}]" if i.shape else i.kind for i in case.inputs}
    entry: dict[str, Any] = {"id": "found", "function": program.text, "inputs": inputs, "dtype": list(case.dtypes)}
    if program.order != 1:
        entry["order"] = program.order
    entry["points"] = points
    return str(yaml.safe_dump({"cases": [entry]}, sort_keys=False, width=110))


def _literal(array: Any) -> Any:
    """Nested lists of numbers as a case writes them: real ones as numbers, complex ones as text with both signs."""
    if array.ndim:
        return [_literal(part) for part in array]
    x = array.item()
    if isinstance(x, complex):
        sign = "-" if str(x.imag).startswith("-") else "+"
        return f"{x.real!r}{sign}{abs(x.imag)!r}j"
    return x


def crashed(folder: Path, how: str, number: int) -> Found | None:
    """What was being tried when the process died, as a finding of its own; None where nothing is written."""
    path = folder / CURRENT
    if not path.exists():
        return None
    kept = json.loads(path.read_text("utf-8"))
    case = from_json(kept["case"])
    return Found(f"crash-{number}", "", [], "", "crash", "crash", case.function["portable"], kept["mode"],
                 case.points[0].name, [], kept["case"], "", number, said=how)


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _whole(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(path)
