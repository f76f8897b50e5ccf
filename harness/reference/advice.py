"""Which operation of a text loses the digits, and how the text is better written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.reference.tape import Operation, Tape, Value


def advise(tape: Tape) -> tuple[str, str]:
    """(the operation to blame, what to write in its place); "" where nothing is lost or no rewriting is known."""
    broken = [o for o in tape.operations if o.singular or not _finite(o.output)]
    guilty = next((o for o in broken if all(_finite(v) for v in o.inputs)), None)
    guilty = guilty or next((o for o in broken if _undefined(o.output)), None)
    if guilty is None:
        worst = max(tape.operations, key=_loss, default=None)
        guilty = worst if worst is not None and _loss(worst) > tape.form.roundings else None
    if guilty is None:
        return "", ""
    return guilty.name, _rewriting(guilty, tape)


def _finite(value: Value) -> bool:
    return bool(np.isfinite(value.held).all())


def _undefined(value: Value) -> bool:
    return bool(np.isnan(value.held).any())


def _loss(o: Operation) -> float:
    """How far the result, or its derivative, is below the terms that it is made of."""
    slopes = 1.0
    if o.output.track is not None and o.output.track.slope.size:
        with np.errstate(all="ignore"):
            own = float(np.max(_ratio(o.output)))
            before = max([float(np.max(_ratio(v))) for v in o.inputs if v.track is not None], default=1.0)
            slopes = own / max(before, 1.0)
    return max(o.cancelled, slopes if np.isfinite(slopes) else 0.0)


def _ratio(value: Value) -> np.ndarray:
    track = value.track
    assert track is not None
    size = np.where(track.size > 0, track.size, 1)
    slope = np.where(track.size > 0, np.abs(track.slope), 1)
    return np.asarray(np.minimum(size / np.maximum(slope, size * np.longdouble(1e-30)), 1e30), np.float64)


def _sources(o: Operation, depth: int = 6) -> list[str]:
    """Names of the operations that an operation's arguments come from, the nearest first."""
    found: list[str] = []
    level = [o]
    for _ in range(depth):
        above = [v.source for each in level for v in each.inputs if v.source is not None]
        found += [each.name for each in above]
        level = above
    return found


def _after(o: Operation, tape: Tape) -> list[str]:
    """Names of the operations that use an operation's result."""
    return [each.name for each in tape.operations if any(v is o.output for v in each.inputs)]


def _of_squares(o: Operation, tape: Tape) -> bool:
    """Whether an operation is part of a square root of a sum of squares."""
    squares = {"square", "power", "multiply"}
    for root in tape.operations:
        if root.name != "sqrt":
            continue
        sums = [v.source for v in root.inputs if v.source is not None and v.source.name in ("add", "sum")]
        terms = [v.source for s in sums for v in s.inputs if v.source is not None and v.source.name in squares]
        if terms and any(o is each for each in (root, *sums, *terms)):
            return True
    return False


def _rewriting(o: Operation, tape: Tape) -> str:
    nearest, uses = _sources(o, 1), _after(o, tape)
    names = {each.name for each in tape.operations}
    for told, applies in (
        ("a double where: choose a harmless argument before the function as well", "where" in names and (
            o.singular or not _finite(o.output))),
        ("log_softmax", "softmax" in nearest and o.name == "log"),
        ("logsumexp", o.name == "exp" and "log" in names and "sum" in names),
        ("sigmoid", o.name == "exp" and bool(names & {"divide", "reciprocal"}) and "add" in names),
        ("expm1", o.name == "subtract" and "exp" in nearest),
        ("2 * sin(x / 2) ** 2", o.name in ("subtract", "add") and "cos" in nearest),
        ("log1p", (o.name in ("add", "subtract") and "log" in uses) or (o.name == "log" and bool(
            {"add", "subtract"} & set(nearest)))),
        ("hypot", _of_squares(o, tape)),
        ("sinc", o.name in ("divide", "sin") and "sin" in {o.name, *nearest}),
    ):
        if applies:
            return told
    return ""
