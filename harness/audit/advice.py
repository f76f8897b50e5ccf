"""What is convention and what is a difference, in sentences; what to write is in `suggestions`."""

from __future__ import annotations

from dataclasses import replace

from harness.audit.answer import Audit
from harness.audit.result import HARMLESS, ParameterRow
from harness.audit.state import State
from harness.audit.suggestions import suggestions
from harness.report.text import some


def with_advice(state: State, audit: Audit) -> Audit:
    """The audit with the sentences of its middle and the code of its end."""
    if audit.faults:
        return audit
    return replace(
        audit, conventions=tuple(_conventions(audit)), differences=tuple(_differences(audit)),
        suggestions=tuple(suggestions(state, audit)),
    )


def _conventions(audit: Audit) -> list[str]:
    out = []
    conjugated = [r for r in audit.rows if r.verdict in HARMLESS and r.relation == "conjugate"]
    if conjugated:
        few = some([r.name for r in conjugated])
        out.append(f"Convention: for {few} jax.grad returns the conjugate of what torch puts into .grad "
                   "(2 dL/dz against 2 dL/dz*); it is the same derivative.")
    zero = [r for r in audit.rows if "sign" in r.blind and r.verdict in HARMLESS]
    if zero:
        few = some([r.name for r in zero])
        out.append(f"Blind: the gradient of {few} is zero here; these inputs show nothing about it.")
    blind = [r for r in audit.rows if r.blind == "conjugation" and r.verdict in HARMLESS]
    if blind:
        few = some([r.name for r in blind])
        out.append(
            f"Blind: the gradient of {few} has no imaginary part here, so these inputs cannot show a conjugation."
        )
    out += [f"{r.note}; beside that set the two functions differ, or one of them takes no other input."
            for r in audit.rows if r.verdict == "gauge" and r.note][:3]
    turned = [r for r in audit.rows if r.turned]
    if turned:
        few = ", ".join(f"{r.name} ({r.turned})" for r in turned[:3]) + (
            f" and {len(turned) - 3} more" if turned[3:] else ""
        )
        out.append(f"Layout: {few}; gradients are compared in torch's layout.")
    return out


def _differences(audit: Audit) -> list[str]:
    out = []
    for v in audit.values:
        if v.verdict not in HARMLESS:
            name = "The value" if v.name == "value" else f"The output {v.name}"
            out.append(f"{name}: {v.pattern}; nothing can be compared there." if v.word == "nan" else
                       f"{name} differs: {v.torch} in torch, {v.jax} in JAX.")
    groups: dict[tuple[str, str], list[ParameterRow]] = {}
    for r in audit.rows:
        if r.verdict not in HARMLESS:
            plain = r.verdict == "conjugate" or (r.verdict == "mismatch" and not r.word)
            groups.setdefault((r.verdict, "" if plain else r.note), []).append(r)
    words = {
        "conjugate": "still conjugated once the conventions are removed", "sign": "negated on one side",
        "factor": "a constant multiple on one side", "part": "half of the gradient is lost on one side",
        "zero": "zero on one side", "nonfinite": "NaN or infinity", "mismatch": "differs in no simple way",
    }
    for (verdict, note), rows in list(groups.items())[:6]:
        few = ", ".join(r.name for r in rows[:4]) + (f" and {len(rows) - 4} more" if rows[4:] else "")
        who = {r.culprit for r in rows if r.culprit}
        blame = f" By finite differences the {next(iter(who))} side is wrong." if len(who) == 1 else ""
        if who == {"both"}:
            blame = " By finite differences both sides are wrong."
        what = note if verdict == "mismatch" and note else words.get(verdict, verdict)
        out.append(f"{few}: {what}{f' ({note})' if note and note != what else ''}.{blame}")
    if len(groups) > 6:
        out.append(f"and {len(groups) - 6} more kinds of difference")
    for side in ("torch", "jax"):
        for word, says in (("conjugate", "along the conjugate of the gradient: the real parts go down the loss, the "
                            "imaginary parts up. Conjugate the gradients before the update"),
                           ("ascent", "up its loss")):
            steps = [s for s in audit.steps if getattr(s, side) == word]
            if steps:
                few = ", ".join(s.name for s in steps[:3]) + (f" and {len(steps) - 3} more" if steps[3:] else "")
                out.append(f"The {side} step moves {few} {says}.")
    return out
