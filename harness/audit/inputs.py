"""What `--inputs` means: [ARGUMENT=]FILE or [ARGUMENT=]package.module:function, for both sides or for one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.audit.faults import AuditError
from harness.audit.files import read_arrays
from harness.model import is_callable_path
from harness.wirtinger import Array

PT = (".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Given:
    """One source as it was written. argument: "" where the names in the file say it."""

    argument: str
    text: str

    @property
    def is_function(self) -> bool:
        return is_callable_path(self.text)

    @property
    def is_state(self) -> bool:
        return Path(self.text).suffix.lower() in PT


def parse(text: str) -> Given:
    """ "params=model.pt" -> ("params", "model.pt"). Raises AuditError where neither a file nor a function is named."""
    argument, equals, rest = text.partition("=")
    given = Given(argument, rest) if equals and argument.isidentifier() else Given("", text)
    if given.is_function or os.path.isfile(given.text):
        return given
    if Path(given.text).suffix:
        raise AuditError(f"there is no file {given.text}")
    raise AuditError(f"{given.text!r} is neither a file nor package.module:function")


def check_target(text: str, option: str) -> None:
    """Raise AuditError unless the text is "package.module:function"."""
    if not is_callable_path(text):
        raise AuditError(f"{option} wants package.module:function, not {text!r}")


def for_sides(common: Sequence[str], torch: Sequence[str], jax: Sequence[str]) -> dict[str, list[Given]]:
    """The sources of each side: those of its own after the common ones, whose arguments they replace."""
    out = {}
    for side, own in (("torch", torch), ("jax", jax)):
        mine = [parse(t) for t in own]
        taken = {g.argument for g in mine if g.argument}
        shared = [g for g in map(parse, common) if not (g.argument and g.argument in taken)]
        out[side] = shared + mine
    if not any(out.values()):
        raise AuditError("there are no inputs; give --inputs FILE, or package.module:function that returns them")
    for side, found in out.items():
        if not found:
            raise AuditError(f"the {side} side has no inputs; give --inputs for both or --{side}-inputs")
    return out


def as_messages(given: Sequence[Given], states: Mapping[str, Mapping[str, Array]], nest: bool) -> list[dict[str, Any]]:
    """The sources for a worker; files are read here, all but `.pt`, which the torch worker has read into `states`."""
    messages: list[dict[str, Any]] = []
    for g in given:
        held: Mapping[str, Array] | None = None
        if not g.is_function:
            held = states[g.text] if g.is_state else read_arrays(Path(g.text))
            if "" in held and not g.argument:
                raise AuditError(f"{g.text} holds one array without a name; write ARGUMENT={g.text}")
        messages.append({
            "argument": g.argument, "function": g.text if g.is_function else "",
            "arrays": None if held is None else dict(held), "nest": nest,
        })
    return messages
