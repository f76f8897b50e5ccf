"""The script of a call that ends in an internal assertion of the framework."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from harness.expr import NoSpelling
from harness.model import Case, CaseError, Point, as_held
from harness.repro.calls import IMPORTS, VERSION, constants
from harness.repro.native_code import native
from harness.repro.script import NoScript, literal, quoted

#: API -> the call; every native API of torch in which an assertion was met.
_CALLS: Mapping[str, str] = {
    "functional.jacobian[forward-mode]": (
        'torch.autograd.functional.jacobian(f, arguments, strategy="forward-mode", vectorize=True)'
    ),
    "functional.jacobian": "torch.autograd.functional.jacobian(f, arguments)",
    "jacfwd": "torch.func.jacfwd(f, argnums=tuple(range(len(arguments))))(*arguments)",
    "jvp": "torch.func.jvp(f, arguments, tuple(torch.ones_like(a) for a in arguments))",
    "pushforward": "torch.func.jvp(f, arguments, tuple(torch.ones_like(a) for a in arguments))",
    "linearize": "torch.func.linearize(f, *arguments)",
}


def failure_script(case: Case, point: Point, row: Mapping[str, Any], *, versions: Mapping[str, str]) -> str:
    """A script that makes the call and exits with 0 where it ends in an internal assertion. Raises NoScript.

    row: a comparison row of verdict "error"; `api`, `dtype` and `culprit` are read.
    """
    backend = str(row["culprit"])
    source = case.source("torch")
    names = [part.strip() for part in str(row["api"]).split("|")]
    call = next(
        (_CALLS[n] for n in names if n in _CALLS and ("functional" in n) == (backend == "torch.autograd")), None
    )
    if not backend.startswith("torch") or source is None or source.kind == "callable" or call is None:
        raise NoScript(f"no script is written for {backend} {row['api']}")
    if any(i.group != i.name or not i.differentiate for i in case.inputs) or point.layout:
        raise NoScript("inputs that are constants, mappings or laid out in a special way are not written out")
    try:
        body = native(source, [i.name for i in case.inputs], "torch")
    except (NoSpelling, CaseError, ValueError) as problem:
        raise NoScript(str(problem)) from None
    dtype = str(row["dtype"])
    arrays = {i.name: as_held(point.arrays[i.name], i.kind, dtype) for i in case.inputs}
    observed = ", ".join(f"{k} {v}" for k, v in versions.items())
    head = f"{backend}: an internal assertion for `{case.id}` at {point.name} ({dtype}), observed with {observed}."
    lines = [
        f'"""{textwrap.fill(quoted(head), 100)}\n\nRun it with torch and numpy installed; it exits with 0 where the '
        'finding is confirmed.\n"""',
        "", "import sys", "", "import numpy as np", *IMPORTS["torch"], "", *constants("torch", dtype),
        *(f"\n\n{h.rstrip()}" for h in body.helpers), "\n",
        f"def f({', '.join(arrays)}):", textwrap.indent(body.body, "    "), "\n",
        "# The exact inputs.", "inputs = {", *(f'    "{name}": {literal(a)},' for name, a in arrays.items()), "}",
        "arguments = tuple(torch.from_numpy(a) for a in inputs.values())", "",
        f'print("torch", {VERSION["torch"]})',
        'print("the value is fine:", f(*arguments))',
        "try:", f"    {call}", "except RuntimeError as error:", "    said = str(error)", "else:",
        '    said = "it works"',
        "print(said.splitlines()[0])",
        'print("CONFIRMED: an internal assertion" if "INTERNAL ASSERT" in said else "NOT CONFIRMED")',
        'sys.exit(0 if "INTERNAL ASSERT" in said else 1)',
    ]
    return "\n".join(lines) + "\n"
