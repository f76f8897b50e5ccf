"""What a hunt found, for people and for files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.search.hunt import Found

_TOLD = {
    "confirmed": "confirmed by its script",
    "crash": "the process died",
    "unconfirmed": "not confirmed by a script: look before you believe it",
    "unattributed": "several operations, none of them blamed: nobody is accused",
}


def reported(found: Sequence[Found]) -> list[Found]:
    """Those that accuse somebody: a script confirms them, or the process died."""
    return [f for f in found if f.status in ("confirmed", "crash")]


def summary(found: Sequence[Found], state: Mapping[str, Any]) -> str:
    """The hunt in lines: new ones, known ones, and what is not reported and why."""
    programs, rounds, seconds = (state.get(k, 0) for k in ("programs", "round", "seconds"))
    lines = [f"{programs:,} programs in {rounds} rounds, {seconds:.0f} s"]
    accused = reported(found)
    fresh, again = [f for f in accused if not f.known], [f for f in accused if f.known]
    lines.append(f"{len(fresh)} causes that no table has, {len(again)} that are known, "
                 f"{len(found) - len(accused)} that are not reported")
    for title, members in (("new", fresh), ("known", again)):
        if members:
            lines += ["", f"{title}:"]
        for f in members:
            lines.append(f"  {f.framework or 'a framework'} {', '.join(f.functions)}: {f.quantity} {f.verdict} at "
                         f"{f.point} numbers" + (f" ({f.known[0]})" if f.known else ""))
            lines.append(f"    {f.text}" + (f"   [{f.mode}]" if f.mode else ""))
    rest = [f for f in found if f not in accused]
    if rest:
        lines += ["", "not reported:"]
        lines += [f"  {f.text}: {_TOLD[f.status]}" for f in rest]
    return "\n".join(lines)


def rows(found: Sequence[Found]) -> list[dict[str, Any]]:
    """A row a cause, for a frame."""
    return [{
        "id": f.id, "framework": f.framework, "functions": " ".join(f.functions), "quantity": f.quantity,
        "verdict": f.verdict, "status": f.status, "known": " ".join(f.known), "text": f.text, "mode": f.mode,
        "point": f.point, "evidence": " ".join(f.details.get("evidence", ())),
        "apis": " ".join(f.details.get("apis", ())), "regimes": " ".join(f.details.get("regimes", ())),
        "dtypes": " ".join(f.details.get("dtypes", ())), "round": f.round,
    } for f in found]


def write(found: Sequence[Found], folder: Path) -> None:
    """`cases/ID.yaml` and `scripts/ID.py` of each cause."""
    for name in ("cases", "scripts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for k, f in enumerate(found, 1):
        name = f"{k:03d}-{f.id}"[:100]
        if f.yaml:
            (folder / "cases" / f"{name}.yaml").write_text(f.yaml, "utf-8")
        if f.script:
            (folder / "scripts" / f"{name}.py").write_text(f.script, "utf-8")
