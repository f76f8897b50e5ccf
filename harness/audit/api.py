"""`harness.audit.audit` for functions that can be imported, `compare_gradients` for callables at hand."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from harness.audit import inputs as given
from harness.audit.answer import Audit
from harness.audit.engine import run
from harness.audit.faults import AuditError, SideFault
from harness.audit.mapping import read_mapping
from harness.audit.sides import Local, Remote, arrays
from harness.audit.state import SIDES, Options, State
from harness.formats import HALVES
from harness.wirtinger import Array
from harness.workers.process import Paths

Texts = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


@dataclass(frozen=True)
class Limits:
    """How the processes of the two sides are run.

    timeout: seconds for one request to a side; importing does not count, and is stopped after ten times as long.
    memory: GiB a side may use, 0 for no limit. python: another interpreter for a side ("torch" or "jax" -> path).
    """

    timeout: float = 120.0
    memory: float = 0.0
    python: Mapping[str, str] = field(default_factory=dict)


def audit(
    torch: str,
    jax: str,
    inputs: Texts = None,
    *,
    torch_inputs: Texts = None,
    jax_inputs: Texts = None,
    nest: Sequence[str] = (),
    save_case: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    limits: Limits | None = None,
    **words: Any,
) -> Audit:
    """Compare a function on torch with its port on JAX: values, gradients, who is right, what to change.

    torch, jax: "package.module:function" (or a module object of either framework). inputs, torch_inputs, jax_inputs:
    "[ARGUMENT=]FILE" (.npz, .npy, .safetensors, .pt) or "[ARGUMENT=]package.module:function". nest: sides on which dots
    in the names of arrays nest. save_case: a YAML file to write the point to. options: what is asked (see `Options`);
    limits: how the sides are run (see `Limits`); any field of either may be given by its name instead:
    audit(..., rtol=1e-4, timeout=600). Each side runs in a process of its own. Raises AuditError (bad usage); what goes
    wrong in a side is in `.faults`.
    """
    question = Question.of(torch, jax, inputs, torch_inputs=torch_inputs, jax_inputs=jax_inputs, nest=nest,
                           save_case=save_case, options=options, limits=limits, **words)
    with Pair(question.limits) as pair:
        return question.put(pair)


class Pair:
    """A process for each side, which imports its framework as soon as it has started.

    Where one cannot be started, `fault` says why.
    """

    def __init__(self, limits: Limits) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="harness-audit-"))
        self.paths = Paths()
        self.channels: dict[str, Remote] = {}
        self.fault: SideFault | None = None
        try:
            for side in SIDES:
                self.channels[side] = Remote(side, self.folder, self.paths, timeout=limits.timeout,
                                             memory=limits.memory, python=limits.python.get(side, ""))
        except SideFault as fault:
            self.fault = fault

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End both processes."""
        for channel in self.channels.values():
            channel.close()
        self.paths.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Question:
    """What an audit is asked, checked as far as it can be without a process."""

    torch: str
    jax: str
    sources: Mapping[str, Sequence[given.Given]]
    nest: Sequence[str]
    save_case: Path | None
    options: Options
    limits: Limits

    @classmethod
    def of(
        cls, torch: str, jax: str, inputs: Texts = None, *, torch_inputs: Texts = None, jax_inputs: Texts = None,
        nest: Sequence[str] = (), save_case: str | os.PathLike[str] | None = None, options: Options | None = None,
        limits: Limits | None = None, **words: Any,
    ) -> Question:
        """The arguments of `audit`. Raises AuditError."""
        asked, held = _expanded(options or Options(), limits or Limits(), words)
        _check(torch, jax, asked)
        sources = given.for_sides(_texts(inputs), _texts(torch_inputs), _texts(jax_inputs))
        return cls(torch, jax, sources, nest, None if save_case is None else Path(save_case), asked, held)

    def put(self, pair: Pair) -> Audit:
        """The answer, by processes that nothing was asked yet. Raises AuditError."""
        channels = pair.channels
        try:
            if pair.fault is not None:
                raise pair.fault
            states = _states(self.sources, channels["torch"])
        except SideFault as fault:
            if fault.word == "inputs":
                raise AuditError(fault.sentence) from fault
            printed = {fault.side: fault.printed} if fault.printed else {}
            return Audit(self.torch, self.jax, {}, faults=(fault,), printed=printed)
        messages = {side: given.as_messages(self.sources[side], states, side in self.nest) for side in SIDES}
        save = None if self.save_case is None else partial(_saved, self.save_case, channels)
        found = run(channels, {"torch": self.torch, "jax": self.jax}, messages, self.options, save)
        return replace(found, peak={side: channels[side].peak for side in SIDES})


def _expanded(options: Options, limits: Limits, words: Mapping[str, Any]) -> tuple[Options, Limits]:
    """Both with the fields that were given by name. Raises AuditError for a name that neither has."""
    mine = {f.name for f in fields(Options)}
    theirs = {f.name for f in fields(Limits)}
    for word in words:
        if word not in mine | theirs:
            close = get_close_matches(word, sorted(mine | theirs), n=1)
            raise AuditError(f"an audit has no option {word!r}{f'; did you mean {close[0]}?' if close else ''}")
    new = {k: v for k, v in words.items() if k in mine and v is not None}
    asked = replace(options, **new)
    _check_words(asked)
    mapping = asked.mapping
    mapping = read_mapping(Path(mapping)) if isinstance(mapping, str | os.PathLike) else dict(mapping or {})
    folders = tuple(os.path.abspath(p) for p in asked.path or (".",))
    asked = replace(asked, mapping=mapping, path=folders, constant=tuple(asked.constant))
    return asked, replace(limits, **{k: v for k, v in words.items() if k in theirs and v is not None})


def _check(torch: str, jax: str, options: Options) -> None:
    """Raise AuditError for a target that is none, and for words that are not among the allowed ones."""
    given.check_target(torch, "--torch")
    given.check_target(jax, "--jax")
    for option, step in (("--torch-step", options.torch_step), ("--jax-step", options.jax_step)):
        if step:
            given.check_target(step, option)


def _check_words(options: Options) -> None:
    for word, allowed, option in ((options.precision, ("", "single", "double", *HALVES), "precision"),
                                  (options.values_from, ("", *SIDES), "values_from")):
        if word not in allowed:
            raise AuditError(f"{option} is one of {', '.join(a for a in allowed if a)}, not {word!r}")


def _saved(path: Path, channels: Mapping[str, Remote], state: State) -> str:
    from harness.audit.case import save

    return save(path, state, channels)


def _texts(value: Texts) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str | os.PathLike):
        return [os.fspath(value)]
    return [os.fspath(v) for v in value]


def _states(sources: Mapping[str, Sequence[given.Given]], torch: Remote) -> dict[str, dict[str, Array]]:
    """Every `.pt` file, read by the torch worker with the safe loader. Raises SideFault."""
    found = {}
    for text in dict.fromkeys(g.text for side in sources.values() for g in side if g.is_state and not g.is_function):
        torch.ask("read", file=os.path.abspath(text))
        found[text] = arrays(torch.answer()["arrays"])
    return found


def compare_gradients(
    torch_fn: Callable[..., Any],
    jax_fn: Callable[..., Any],
    inputs: Any,
    *,
    jax_inputs: Any = None,
    options: Options | None = None,
    **words: Any,
) -> Audit:
    """As `audit`, in this process, for callables that no other process could import (lambdas, closures).

    inputs: a tuple or list of positional arguments, or a dict by argument name; arrays of NumPy, of torch or of JAX,
    in trees. jax_inputs: those of the JAX side where they are others; otherwise both sides get the same numbers, and a
    module of torch (an input, or torch_fn itself) is its state on the JAX side: `state["layers.0.weight"]`.
    options: what is asked (see `Options`); any of its fields may be given by its name; steps are callables here.
    Nothing limits time or memory here. jax_enable_x64 is switched on where the inputs are in double precision.
    """
    from harness.backends.side.binding import Source

    def source(values: Any) -> list[Source]:
        if isinstance(values, dict):
            return [Source(mapping=values)]
        return [Source(values=tuple(values) if type(values) in (tuple, list) else (values,))]

    left = inputs
    right = _portable(inputs, torch_fn, jax_fn) if jax_inputs is None else jax_inputs
    channels: dict[str, Local] = {side: Local(side) for side in SIDES}
    asked, _ = _expanded(options or Options(), Limits(), words)
    sources = {"torch": source(left), "jax": source(right)}
    try:
        return run(channels, {"torch": torch_fn, "jax": jax_fn}, sources, replace(asked, path=()))
    finally:
        for channel in channels.values():
            channel.close()


def _portable(inputs: Any, torch_fn: Any, jax_fn: Any) -> Any:
    """The same inputs for the JAX side: tensors as arrays, a module as its state.

    Where the torch side is a module, and the function on JAX takes one argument more, that is the module's state.
    """
    import inspect

    from harness.backends.side.binding import signature
    from harness.backends.side_worker import as_plain

    plain = as_plain(inputs)
    state = as_plain(torch_fn)
    if state is torch_fn or not inspect.isroutine(jax_fn):
        return plain
    names, required, _ = signature(jax_fn)
    if isinstance(plain, dict):
        lacking = [name for name in names if name not in plain and (name in required or name == "model")]
        return {lacking[0]: state, **plain} if len(lacking) == 1 else plain
    given = tuple(plain) if type(plain) in (tuple, list) else (plain,)
    return (state, *given) if len(required) == len(given) + 1 else plain


__all__ = ["AuditError", "Limits", "Options", "audit", "compare_gradients"]
