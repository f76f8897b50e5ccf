"""What to do about a difference, in words: one sentence for one row of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: How each API is written by its users, and the line that turns its result into torch's.
_CALLS: Mapping[tuple[str, str], str] = {
    ("torch.autograd", "backward"): "z.grad after backward()",
    ("torch.autograd", "grad"): "torch.autograd.grad(f(z), z)",
    ("torch.func", "grad"): "torch.func.grad(f)(z)",
    ("torch.func", "jacrev"): "torch.func.jacrev(f)(z)",
    ("torch.func", "jacfwd"): "torch.func.jacfwd(f)(z)",
    ("jax", "grad"): "jax.grad(f)(z)",
    ("jax", "vjp"): "jax.vjp(f, z)[1](c)",
    ("jax", "jacrev"): "jax.jacrev(f)(z)",
    ("jax", "jacfwd"): "jax.jacfwd(f)(z)",
}

_VERDICTS: Mapping[str, str] = {
    "unsupported": "{refuser} refuses what the other side computes; there is no number to compare.",
    "error": "One side failed with an error that is not a refusal; its message is in the note.",
    "crash": "The process of one side died here; keep this call out of long jobs.",
    "timeout": "One side did not finish within the time limit.",
    "branch": "The point lies on a branch cut and each side follows a different limit or signed zero; move off the cut "
    "or fix the sign of zero before comparing.",
    "value": "The function values already differ: these are two functions under one name. Compare derivatives after "
    "choosing the same one.",
    "precision": "Equal to a coarse tolerance only; look at ulp, and raise the precision if this matters.",
    "nonfinite": "NaN or infinity on one side only. Guard the point with a double `where`, on both sides of the port.",
    "choice": "A kink: both results are valid generalised derivatives. Do not rely on either choice.",
    "gauge": "The result depends on a free phase, sign or basis; differentiate a function that does not (a projector, "
    "a norm, an eigenvalue).",
    "conjugate": "Still conjugated after the conventions are removed: a wrong conjugation, not a convention.",
    "sign": "The derivative has the wrong sign on one side.",
    "factor": "One side is a constant multiple of the other.",
    "part": "The real or imaginary part of the derivative is lost on one side.",
    "zero": "One side returns zero for a derivative that is not zero; an optimiser would silently stand still.",
    "mismatch": "The derivatives differ in no simple way.",
}
_ZERO_IS_RIGHT = "One side returns a number for a derivative that is zero."


def call(side: str, api: str) -> str:
    """How users of a backend write this API: call("jax", "grad") is "jax.grad(f)(z)"."""
    return _CALLS.get((side, api), f"{side} {api}")


def zero_is_right(row: Mapping[str, Any]) -> bool:
    """Whether a row of verdict "zero" blames the side that is not zero."""
    gone, culprit = str(row["note"]).partition(" ")[0], str(row["culprit"])
    if gone not in ("left", "right") or culprit in ("", "both"):
        return False
    side = str(row[gone])
    whole = ":" in side and ":" in culprit
    return side != culprit if whole else side.partition(":")[0] != culprit.partition(":")[0]


def _apis(row: Mapping[str, Any]) -> tuple[str, str]:
    left, bar, right = str(row["api"]).partition(" | ")
    return left, (right if bar else left)


def advice(row: Mapping[str, Any]) -> str:
    """One or two sentences for a person who ports code. row: the contract's columns of one comparison row."""
    verdict, relation = row["verdict"], row["relation"]
    left, right = str(row["left"]), str(row["right"])
    if verdict == "agree":
        return _agreement(row, left, right, relation)
    refuser = left if row.get("left_status") in ("refused", "unsupported") else right
    text = _VERDICTS[verdict].format(refuser=refuser)
    if verdict == "zero" and zero_is_right(row):
        text = _ZERO_IS_RIGHT
    if row.get("culprit"):
        who = "both sides are" if row["culprit"] == "both" else f"{row['culprit']} is"
        text += f" By {row['evidence'].replace('-', ' ')}, {who} wrong."
    return text


def _agreement(row: Mapping[str, Any], left: str, right: str, relation: str) -> str:
    left_api, right_api = _apis(row)
    if row.get("quantity") != "raw" or row.get("axis") != "backend":
        return "The same derivative."
    theirs, ours = call(right, right_api), call(left, left_api)
    if relation == "conjugate":
        if right == "jax":
            fixed = f"jnp.conj({theirs})"
            return f"{right}.{right_api} returns the conjugate; use {fixed} to get {ours}."
        return f"{right} {right_api} returns the conjugate of {left} {left_api}, by convention; conjugate one of them."
    if relation == "equal" and "conjugation" in str(row.get("blind") or ""):
        return "The same number, but this point cannot tell a conjugation; do not conclude anything about conventions."
    if relation == "equal":
        return "The same number; nothing to convert."
    return f"The same derivative once conventions are removed (raw results: {relation})."
