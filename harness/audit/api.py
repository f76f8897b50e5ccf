"""`harness.audit.audit` for functions that can be imported, `compare_gradients` for callables at hand."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from harness.wirtinger import Array
from harness.workers.process import Paths

Texts = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


def audit(
    torch: str,
    jax: str,
    inputs: Texts = None,
    *,
    torch_inputs: Texts = None,
    jax_inputs: Texts = None,
    mapping: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    precision: str = "",
    constant: Sequence[str] = (),
    values_from: str = "",
    nest: Sequence[str] = (),
    torch_step: str = "",
    jax_step: str = "",
    timeout: float = 120.0,
    memory: float = 0.0,
    seed: int = 0,
    python: Mapping[str, str] | None = None,
    path: Sequence[str] | None = None,
    differences: bool = True,
    taps: bool = True,
    trace: bool = True,
    lines: bool = False,
    save_case: str | os.PathLike[str] | None = None,
) -> Audit:
    """Compare a function on torch with its port on JAX: values, gradients, who is right, what to change.

    torch, jax: "package.module:function" (or a module object of either framework). inputs, torch_inputs, jax_inputs:
    "[ARGUMENT=]FILE" (.npz, .npy, .safetensors, .pt) or "[ARGUMENT=]package.module:function". mapping: torch leaf name
    to JAX leaf name, or the file that holds it. rtol: relative to the largest entry of a parameter's gradient
    (default eps**0.75). precision: "single" or "double" casts the inputs. values_from: "torch" or "jax" gives that
    side's numbers to the other. timeout: seconds for one request to a side. memory: GiB a side may use, 0 for no limit.
    python: another interpreter for a side. path: folders that are searched for modules (default: the current one).
    trace: whether steps are recorded to find where the programs part; lines: also where they do not, for `.html()`.
    Each side runs in a process of its own. Raises AuditError (bad usage); what goes wrong in a side is in `.faults`.
    """
    given.check_target(torch, "--torch")
    given.check_target(jax, "--jax")
    for option, step in (("--torch-step", torch_step), ("--jax-step", jax_step)):
        if step:
            given.check_target(step, option)
    _check_words(precision, values_from)
    sources = given.for_sides(_texts(inputs), _texts(torch_inputs), _texts(jax_inputs))
    held = read_mapping(Path(mapping)) if isinstance(mapping, str | os.PathLike) else dict(mapping or {})
    folders = tuple(os.path.abspath(p) for p in (["."] if path is None else path))
    options = Options(rtol, atol, precision, tuple(constant), seed, values_from, held, torch_step, jax_step, folders,
                      differences, taps, trace, lines)
    folder = Path(tempfile.mkdtemp(prefix="harness-audit-"))
    paths = Paths()
    channels: dict[str, Remote] = {}
    try:
        try:
            for side in SIDES:
                where = (python or {}).get(side, "")
                channels[side] = Remote(side, folder, paths, timeout=timeout, memory=memory, python=where)
            states = _states(sources, channels["torch"])
        except SideFault as fault:
            if fault.word == "inputs":
                raise AuditError(fault.sentence) from fault
            return Audit(torch, jax, {}, faults=(fault,), printed={fault.side: fault.printed} if fault.printed else {})
        messages = {side: given.as_messages(sources[side], states, side in nest) for side in SIDES}
        save = None if save_case is None else partial(_saved, Path(save_case), channels)
        found = run(channels, {"torch": torch, "jax": jax}, messages, options, save)
        found = replace(found, peak={side: channels[side].peak for side in SIDES})
        return found
    finally:
        for channel in channels.values():
            channel.close()
        paths.close()
        shutil.rmtree(folder, ignore_errors=True)


def _check_words(precision: str, values_from: str) -> None:
    for word, allowed, option in ((precision, ("", "single", "double"), "precision"),
                                  (values_from, ("", *SIDES), "values_from")):
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
    mapping: Mapping[str, Any] | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    precision: str = "",
    constant: Sequence[str] = (),
    values_from: str = "",
    seed: int = 0,
    differences: bool = True,
    taps: bool = True,
    trace: bool = True,
    lines: bool = False,
    torch_step: Callable[..., Any] | None = None,
    jax_step: Callable[..., Any] | None = None,
) -> Audit:
    """As `audit`, in this process, for callables that no other process could import (lambdas, closures).

    inputs: a tuple or list of positional arguments, or a dict by argument name; arrays of NumPy, of torch or of JAX,
    in trees. jax_inputs: those of the JAX side where they are others; otherwise both sides get the same numbers, and a
    module of torch (an input, or torch_fn itself) is its state on the JAX side: `state["layers.0.weight"]`.
    values_from: "torch" or "jax" gives that side's numbers to the other. Nothing limits time or
    memory here. jax_enable_x64 is switched on where the inputs are in double precision.
    """
    from harness.backends.side.binding import Source

    def source(values: Any) -> list[Source]:
        if isinstance(values, dict):
            return [Source(mapping=values)]
        return [Source(values=tuple(values) if type(values) in (tuple, list) else (values,))]

    _check_words(precision, values_from)
    left = inputs
    right = _portable(inputs, torch_fn, jax_fn) if jax_inputs is None else jax_inputs
    channels: dict[str, Local] = {side: Local(side) for side in SIDES}
    options = Options(rtol, atol, precision, tuple(constant), seed, values_from, dict(mapping or {}), torch_step,
                      jax_step, (), differences, taps, trace, lines)
    sources = {"torch": source(left), "jax": source(right)}
    try:
        return run(channels, {"torch": torch_fn, "jax": jax_fn}, sources, options)
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


__all__ = ["AuditError", "audit", "compare_gradients"]
