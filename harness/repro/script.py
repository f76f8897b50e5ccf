"""A finding as a short self-contained Python script for an upstream report.

The script needs the framework, NumPy and mpmath, not this package: the function in the framework's own names, the
exact inputs, the call, what was returned, what is right, an independent check, and the conclusion. It exits with
status 0 and prints CONFIRMED where the finding is reproduced.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.formats import DOUBLE, DTYPES, SINGLE
from harness.model import (
    THIRD_ORDER_VARIABLES,
    Case,
    CaseError,
    HarnessError,
    Point,
    Source,
    Unsupported,
    as_held,
)
from harness.reference.function import Compiled
from harness.reference.precision import bounded
from harness.reference.solution import solve
from harness.repro import calls
from harness.repro.entry import Entry, chosen_entry, with_digits
from harness.repro.native_code import Code, in_mpmath, native
from harness.wirtinger import real_size

Array = np.ndarray[Any, np.dtype[Any]]

_FAMILY = {"torch.autograd": "torch", "torch.func": "torch", "jax": "jax"}


_PROCESSOR, _MEMORY = 10, 4 << 30  # seconds of the processor, twice what the slowest of ours takes; bytes
#: Runs a script of ours as workers run cases: with nothing but its own folder to write, no network, no processes.
_HOME = str(Path(__file__).resolve().parents[2])
_SHUT_IN = """import runpy, sys
home, folder, path, processor, memory = sys.argv[1:]
sys.path.append(home)
from harness.wirtinger import real_size
from harness.workers import sandbox
if not sandbox.missing():
    import resource
    for limit, most in ((resource.RLIMIT_CPU, int(processor)), (resource.RLIMIT_DATA, int(memory))):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, hard))
    sandbox.enter([folder])
sys.argv = [path]
runpy.run_path(path, run_name="__main__")
"""


class NoScript(HarnessError):
    """A finding that no script can be written for; the message says why."""


def script(
    case: Case, point: Point, row: Mapping[str, Any], returned: Array, *, versions: Mapping[str, str] | None = None,
    check: str = "mpmath",
) -> str:
    """The text of the script.

    row: a comparison row (columns of the contract) whose culprit is one backend, or an observation's fields: `case,
    point, dtype, api, quantity, input, output` and `culprit` (or `backend`) are read. quantity: "differential" (api
    "pullback" or "pushforward"), "hessian", "third" or "value". returned: the array that backend returned for the row.
    versions: the packages it was observed with. check: "mpmath" where the function can be written in it, or
    "differences" of the framework's own values in any case. Raises NoScript.
    """
    backend = _backend(row)
    family = _FAMILY.get(backend)
    source = case.source(family) if family else None
    reference = case.source("reference")
    if family is None or source is None:
        raise NoScript(f"no script can be written for {backend!r}")
    if reference is None or reference.kind == "callable":
        raise NoScript("the case has no text for the reference, so there is nothing to confirm it against")
    dtype = str(row["dtype"])
    arrays = {i.name: as_held(point.arrays[i.name], i.kind, dtype) for i in case.inputs}
    order = {"hessian": 2, "third": 3}.get(str(row["quantity"]), 1)
    free = sum(real_size(i.shape, i.kind == "complex") for i in case.inputs if i.differentiate)
    if order == 3 and free > THIRD_ORDER_VARIABLES:
        raise NoScript(f"third derivatives are of at most {THIRD_ORDER_VARIABLES} real variables, and there are {free}")
    try:
        with bounded():  # the text may be a stranger's, and nothing ends what it asks for
            solution = solve(Compiled(reference.text, case.inputs), arrays, form=DTYPES[dtype], order=order)
            entry = chosen_entry(case, row, np.asarray(returned), solution, arrays)
            entry = with_digits(entry, Compiled(reference.text, case.inputs), arrays, form=DTYPES[dtype])
        body = _function(case, source, family)
    except (Unsupported, CaseError, ValueError) as problem:
        raise NoScript(str(problem)) from None
    return _assembled(case, point, row, backend, family, arrays, entry, body, reference, versions or {}, check)


def confirmed(
    case: Case, point: Point, row: Mapping[str, Any], returned: Array, *, versions: Mapping[str, str] | None = None,
    python: str | None = None,
) -> tuple[str, bool, str]:
    """(script, whether it confirms the finding, what it printed): the first of the checks that does, else the first.

    Raises NoScript.
    """
    tried: list[tuple[str, bool, str]] = []
    for check in ("mpmath", "differences"):
        try:
            text = script(case, point, row, returned, versions=versions, check=check)
        except NoScript:
            if tried:
                break
            raise
        if tried and text == tried[0][0]:
            break
        tried.append((text, *confirm(text, python=python)))
        if tried[-1][1]:
            return tried[-1]
    return tried[0]


def confirm(text: str, *, python: str | None = None, seconds: float = 600.0) -> tuple[bool, str]:
    """Run a script in a process of its own: (whether it confirms the finding, what it printed).

    In our own interpreter it is shut in, and has so many seconds of the processor; seconds: by the clock, in any.
    """
    ours = [sys.executable, "-P", "-c", _SHUT_IN, _HOME]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "finding.py"
        path.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [python, str(path)] if python else [*ours, folder, str(path), str(_PROCESSOR), str(_MEMORY)],
                capture_output=True, text=True, errors="replace", timeout=seconds, cwd=folder, check=False,
                stdin=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": folder})
        except subprocess.TimeoutExpired:
            return False, f"the script did not finish within {seconds:g} s"
    over = getattr(signal, "SIGXCPU", None)
    if over is not None and done.returncode == -over:
        return False, f"the script took more than {_PROCESSOR} s of the processor"
    output = done.stdout + (f"\n{done.stderr}" if done.returncode and done.stderr else "")
    return done.returncode == 0 and "CONFIRMED" in done.stdout, output.strip()


def _backend(row: Mapping[str, Any]) -> str:
    culprit = str(row.get("culprit") or row.get("backend") or "")
    if culprit in ("both", ""):
        culprit = next((str(row[side]) for side in ("left", "right") if str(row.get(side, "")) in _FAMILY), culprit)
    return culprit.partition(":")[0]


def _function(case: Case, source: Source, family: str) -> Code:
    if source.kind == "callable":
        raise NoScript("the function is code of somebody's own, which no script is written with")
    if any(i.group != i.name for i in case.inputs):
        raise ValueError("inputs that are mappings of arrays are not written out")
    return native(source, [i.name for i in case.inputs], family)


# --- the text ---------------------------------------------------------------------------------------------------------


def number(x: float) -> str:
    """A double as Python text that reads back as the same double."""
    return repr(float(x)) if np.isfinite(x) else f'float("{x}")'


def quoted(text: str) -> str:
    """Text that may stand between the quotes of a script: nothing in it ends them or escapes."""
    return "".join(c if c.isascii() and c.isprintable() and c not in "\"\\" else "?" for c in " ".join(text.split()))


def literal(array: Array) -> str:
    """An array as Python text, exact to the last bit and the sign of zero."""
    flat = array.reshape(-1)
    if array.dtype.kind == "c":
        cells = [f"complex({number(z.real)}, {number(z.imag)})" for z in flat]
    elif array.dtype.kind == "f":
        cells = [number(x) for x in flat]
    else:
        cells = [repr(x.item()) for x in flat]
    text = f"np.array([{', '.join(cells)}], np.{array.dtype})"
    return text if array.ndim == 1 else f"{text}.reshape({tuple(array.shape)})"


def _assembled(
    case: Case, point: Point, row: Mapping[str, Any], backend: str, family: str, arrays: Mapping[str, Array],
    entry: Entry, body: Code, reference: Source, versions: Mapping[str, str], wanted: str,
) -> str:
    names = [i.name for i in case.inputs]
    dtype = str(row["dtype"])
    api = str(row["api"]).partition(" | ")[0]
    observed = ", ".join(f"{k} {v}" for k, v in versions.items())
    where = f"at {point.name} ({dtype}, {api or 'value'})" + (f", observed with {observed}" if observed else "")
    head = textwrap.fill(quoted(f"{backend}: wrong {entry.words} of `{case.id}` {where}."), 100)
    check, uses_mpmath = _check(case, entry, arrays, reference, backend, wanted)
    relative = {DOUBLE: 1e-10, SINGLE: 1e-4}.get(DTYPES[dtype], DTYPES[dtype].eps ** 0.5)
    called = calls.call(family, backend, api, str(row["quantity"]), entry, names, str(row.get("mode", "")))
    called = calls.in_bfloat16(family, called) if dtype == "bfloat16" else called
    lines = [
        f'"""{head}\n\nRun it with {"torch" if family == "torch" else "jax"}, numpy'
        f'{" and mpmath" if uses_mpmath else ""} installed; it exits with 0 where the finding is confirmed.\n"""',
        "", "import sys", "", "import numpy as np", *(["import mpmath as mp"] if uses_mpmath else []),
        *calls.IMPORTS[family], "", *calls.constants(family, dtype),
        *(f"\n\n{h.rstrip()}" for h in body.helpers), "\n",
        f"def f({', '.join(names)}):", textwrap.indent(body.body, "    "), "\n",
        "# The exact inputs.", "inputs = {", *(f'    "{name}": {literal(arrays[name])},' for name in names), "}", "\n",
        *called, "",
        f"# What is right (in arbitrary precision, error below {max(entry.bound, 1e-300):.1e}).",
        f'right = float("{entry.digits}")', "",
        "# An independent check: " + _said(check, uses_mpmath),
        *check, "",
        f'print("{family}", {calls.VERSION[family]})',
        f'print("{quoted(entry.label)}")',
        'print("  returned  ", returned)', f'print("  right     ", "{entry.digits}")',
        'print("  check     ", check)',
        f"wrong = not abs(returned - right) <= {relative} * max(abs(right), {number(entry.floor)})",
        f"distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), {number(entry.floor)}, 1e-6)",
        "sound = abs(check - right) <= 0.01 * distance",
        'print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")',
        "sys.exit(0 if wrong and sound else 1)",
    ]
    return "\n".join(lines) + "\n"


def _said(check: Sequence[str], uses_mpmath: bool) -> str:
    if uses_mpmath:
        return "central differences with mpmath."
    return "mathematics." if check[-1] == "check = 0.0" else (
        "extrapolated central differences of the framework's own values.")


def _check(
    case: Case, entry: Entry, arrays: Mapping[str, Array], reference: Source, backend: str, wanted: str,
) -> tuple[list[str], bool]:
    """Lines that set `check`, and whether they use mpmath."""
    family = "torch" if str(backend).startswith("torch") else "jax"
    leading = arrays[entry.inputs[0]] if entry.inputs else max(arrays.values(), key=np.size)
    elementwise = all(np.shape(a) in ((), np.shape(leading)) for a in arrays.values())
    if wanted == "mpmath" and elementwise and len({c.index for c in entry.along}) > 1:
        with contextlib.suppress(Unsupported):
            in_mpmath(reference.text, [i.name for i in case.inputs])  # elementwise, or a sum of such terms
            return ["# Every term of the sum reads one element only: no two of them meet.", "check = 0.0"], False
    if wanted == "mpmath" and elementwise and len({c.index for c in entry.along}) <= 1:
        try:
            code = in_mpmath(reference.text, [i.name for i in case.inputs])
        except Unsupported:
            pass
        else:
            if entry.elementwise or code.summed:
                return calls.mpmath_check(case, entry, arrays, code), True
    if not entry.along:
        raise NoScript("there is no independent check of this value that fits into a script")
    return calls.difference_check(case, entry, arrays, family), False
