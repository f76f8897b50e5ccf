"""The answer on one screen: values, parameters, conventions, differences, where, who is right, what to write."""

from __future__ import annotations

import math
import os
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.comparison.arrays import ratio_text
from harness.report import text as plain_text
from harness.report.verdict_style import style
from harness.verdicts import severity

if TYPE_CHECKING:
    from harness.audit.result import Findings, Origin

#: Parameters that are shown; the rest is counted.
SHOWN = 6


def text(audit: Findings, size: int | None = None, colour: bool = False) -> str:
    """The answer in lines of at most `size` characters (default: the terminal's width, at most 100)."""
    size = min(size or plain_text.width(), 100)
    blocks = [_title(audit)]
    if audit.precision:
        blocks.append(_wrapped(audit.precision, size))
    if audit.faults:
        blocks.append(_faults(audit, size, colour))
    if audit.values:
        blocks.append(_values(audit, size, colour))
    if audit.origins:
        blocks.append(_origins(audit, size, colour))
    if audit.rows:
        blocks.append(_parameters(audit, size, colour))
    if audit.steps:
        blocks.append(_steps(audit, size, colour))
    for words in (audit.conventions, audit.differences):
        if words:
            blocks.append(_wrapped(words, size))
    if audit.start:
        title = "At taps and in functions" if audit.origins else "Where it starts"
        blocks.append(_section(title, audit.start, size, colour))
    if audit.hints:
        blocks.append(_section("What it looks like", audit.hints, size, colour))
    if audit.who:
        blocks.append(_section("Who is right", [audit.who], size, colour))
    if audit.unmatched_torch or audit.unmatched_jax:
        blocks.append(_unmatched(audit, size, colour))
    if audit.warnings:
        blocks.append(_section("Faults", audit.warnings, size, colour))
    for s in audit.suggestions:
        blocks.append(_wrapped([s.title], size) + ("\n" + textwrap.indent(s.code, "    ") if s.code else ""))
    if audit.notes:
        blocks.append(_wrapped([f"Note: {n}." for n in audit.notes], size))
    if audit.saved:
        blocks.append(f"The case was written to {audit.saved}.")
    return "\n\n".join(blocks)


def _paint(words: str, terminal: str, colour: bool) -> str:
    """The words in a style of `rich`; as they are where nobody wants colour."""
    if not colour or not terminal:
        return words
    from rich.style import Style

    return Style.parse(terminal).render(words)


def _title(audit: Findings) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in audit.versions.items())
    return f"{audit.torch} (torch) ~ {audit.jax} (jax)" + (f"\n{versions}; {audit.seconds:.1f} s" if versions else "")


def _wrapped(sentences: Any, size: int, indent: str = "") -> str:
    return "\n".join(
        textwrap.fill(s, size, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False,
                      break_on_hyphens=False) for s in sentences
    )


def _section(title: str, sentences: Any, size: int, colour: bool) -> str:
    return f"{_paint(title, 'bold', colour)}\n{_wrapped(sentences, size, '  ')}"


def _faults(audit: Findings, size: int, colour: bool) -> str:
    lines = []
    for fault in audit.faults:
        lines.append(
            _paint(_wrapped([f"{fault.side}: {fault.sentence}."], size), style("error").colours.terminal, colour)
        )
        printed = audit.printed.get(fault.side, "") or fault.printed
        if printed:
            last = printed.splitlines()[-6:]
            lines.append(f"  it printed: {last[0]}" if len(last) == 1 else "  it printed last:\n" + "\n".join(
                "    " + plain_text.clip(x, size - 4) for x in last))
    return "\n".join(lines)


def _values(audit: Findings, size: int, colour: bool) -> str:
    lines = []
    for v in audit.values[:4]:
        name = "Value" if v.name == "value" else f"Value {v.name}"
        looks = style(v.verdict)
        words = {"agree": "agree", "precision": "agree to single precision or so", "value": "differ",
                 "nonfinite": v.pattern if v.word == "nan" else "differ in NaN or infinity"}[v.verdict]
        mark = _paint(f"{looks.symbol} {words}", looks.colours.terminal, colour)
        apart = "" if v.word == "nan" else f", largest relative difference {v.max_rel:.2g}"
        lines.append(f"{name}: {v.torch} (torch), {v.jax} (jax): {mark}{apart}")
    if len(audit.values) > 4:
        bad = sum(v.verdict not in ("agree", "precision") for v in audit.values[4:])
        lines.append(f"… and {len(audit.values) - 4} more outputs, {bad} of which differ")
    return "\n".join(lines)


def _parameters(audit: Findings, size: int, colour: bool) -> str:
    ranked = sorted(audit.rows, key=lambda r: (-severity(r.verdict), -_number(r.max_rel)))
    shown = ranked[:SHOWN] if len(ranked) > SHOWN else list(audit.rows)
    cells = []
    for r in shown:
        looks = style(r.verdict, r.relation)
        shape = "x".join(map(str, r.shape)) or "scalar"
        factor = f" {ratio_text(r.factor)}" if not math.isnan(r.factor) else ""
        cells.append([f"{looks.symbol} {r.verdict}{factor}", r.name, shape, _short(r.dtype), r.relation,
                      f"{r.max_abs:.1e}", f"{r.max_rel:.1e}", r.blind, r.culprit])
    header = ["verdict", "parameter", "shape", "dtype", "raw", "max abs", "max rel", "blind", "wrong"]
    keep = [k for k, h in enumerate(header) if h not in ("blind", "wrong") or any(row[k] for row in cells)]
    table = plain_text.table([header[k] for k in keep], [[row[k] for k in keep] for row in cells], size,
                             right="max abs,max rel")
    lines = table.splitlines()
    if colour:
        painted = [_paint(line, style(r.verdict, r.relation).colours.terminal, True)
                   for line, r in zip(lines[1:], shown, strict=True)]
        lines = [lines[0], *painted]
    rest = len(audit.rows) - len(shown)
    if rest:
        counts: dict[str, int] = {}
        for r in audit.rows:
            counts[r.verdict] = counts.get(r.verdict, 0) + 1
        total = ", ".join(f"{n} {v}" for v, n in counts.items())
        lines.append(f"… and {rest} more; of {len(audit.rows)} parameters: {total}")
    return "\n".join(lines)


def _origins(audit: Findings, size: int, colour: bool) -> str:
    """Where it starts: the two lines of source, what it is, what to write; each origin in the order of the program."""
    lines = [_paint("Where it starts", "bold", colour)]
    for o in audit.origins:
        for side, where, text in (("torch", o.torch, o.torch_text), ("jax", o.jax, o.jax_text)):
            path, _, line = where.rpartition(":")
            shown = f"{os.path.basename(path)}:{line}" if path else "(no line of yours)"
            linked = f"\x1b]8;;file://{os.path.abspath(path)}\x1b\\{shown}\x1b]8;;\x1b\\" if colour and path else shown
            lines.append(f"  {side:5}  {linked}  {plain_text.clip(text, max(size - len(shown) - 12, 20))}")
        where = f" ({o.loop})" if o.loop else ""
        lines.append(_wrapped([f"{o.kind}{where}: {o.what}."], size, "    "))
        if o.fix:
            lines.append(_wrapped([f"write: {o.fix}"], size, "    "))
    return "\n".join(lines)


def _origin(origin: Origin) -> dict[str, str]:
    """An origin as the contract has it: files by name, in the order of the program."""
    return {
        "torch": os.path.basename(origin.torch), "jax": os.path.basename(origin.jax), "kind": origin.kind,
        "what": origin.what, "fix": origin.fix, "torch_source": origin.torch_text, "jax_source": origin.jax_text,
        "torch_path": origin.torch, "jax_path": origin.jax, "loop": origin.loop,
    }


def _short(dtype: str) -> str:
    """complex128 as c128, float32 as f32."""
    return dtype.replace("complex", "c").replace("bfloat", "bf").replace("float", "f")


def _steps(audit: Findings, size: int, colour: bool) -> str:
    """One line where all is well, else the worst parameters."""
    bad = [s for s in audit.steps if s.odd]
    sides = " and ".join(side for side in ("torch", "jax") if any(getattr(s, side) for s in audit.steps))
    if not bad:
        down = ", all down the loss" if all({s.torch, s.jax} <= {"descent", ""} for s in audit.steps) else ""
        same = ", equal on both sides" if all(s.verdict for s in audit.steps) else ""
        return f"Step ({sides}): {len(audit.steps)} parameters updated{same}{down}."
    few = bad[: SHOWN // 2]
    rows = [[s.verdict, s.name, s.torch or "-", s.jax or "-", f"{s.max_rel:.1e}"] for s in few]
    header = ["update", "parameter", "torch moves along", "jax moves along", "max rel"]
    table = plain_text.table(header, rows, size, right="max rel").splitlines()
    lines = [table[0], *(_paint(line, style("conjugate").colours.terminal, colour) for line in table[1:])]
    if bad[len(few) :]:
        lines.append(f"… and {len(bad) - len(few)} more of {len(audit.steps)} updates")
    return "\n".join(lines)


def _number(value: float) -> float:
    return value if value == value else math.inf


def _unmatched(audit: Findings, size: int, colour: bool) -> str:
    lines = []
    for side, names in (("torch", audit.unmatched_torch), ("jax", audit.unmatched_jax)):
        if names:
            lines.append(f"{side}: {plain_text.some(names, 8)}")
    title = "Without a counterpart: nothing was compared, for that would be at different numbers"
    blocks = [_section(title, lines, size, colour)]
    if audit.candidates:
        blocks.append(_section("What they may be", audit.candidates, size, colour))
    if audit.to_map:
        written = "\n".join(f"    {line}" for line in audit.to_map)
        blocks.append(f"A mapping file, given with --map FILE, settles it:\n{written}")
    blocks.append(_wrapped([
        "--map FILE says which is which (torch name: JAX name; a slice as name[0:4], a sum as name + name); "
        "--constant GLOB leaves out what truly has no counterpart."], size))
    return "\n\n".join(blocks)


def plain(audit: Findings) -> dict[str, Any]:
    """The answer as plain data for JSON; NaN becomes null, infinities a string."""
    held = {k: v for k, v in vars(audit).items() if k != "faults"}
    out: dict[str, Any] = {
        **held,
        "values": [asdict(v) for v in audit.values],
        "rows": [asdict(v) for v in audit.rows],
        "checks": [asdict(v) for v in audit.checks],
        "steps": [asdict(v) for v in audit.steps],
        "origins": [_origin(v) for v in audit.origins],
        "suggestions": [asdict(v) for v in audit.suggestions],
        "faults": [{"side": f.side, "word": f.word, "sentence": f.sentence, "detail": f.detail} for f in audit.faults],
        "exit_status": audit.exit_status,
    }
    cleaned: dict[str, Any] = _clean(out)
    return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    if hasattr(value, "items"):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _clean(value.tolist()) if value.size <= SHOWN else f"{value.dtype} {list(value.shape)}"
    if isinstance(value, complex):
        return [_clean(value.real), _clean(value.imag)]
    return value if value is None or isinstance(value, str | int) else str(value)
