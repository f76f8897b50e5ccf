"""For test suites: an assertion that a function on torch and its port on JAX have the same value and gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

CONVENTIONS = ("removed", "raw", "conjugate")


def assert_same_gradient(
    torch_fn: Callable[..., Any],
    jax_fn: Callable[..., Any],
    *inputs: Any,
    rtol: float | None = None,
    atol: float = 0.0,
    convention: str = "removed",
    jax_inputs: Sequence[Any] | Mapping[str, Any] | None = None,
    mapping: Mapping[str, Any] | None = None,
    constant: Sequence[str] = (),
    precision: str = "",
    seed: int = 0,
) -> None:
    """AssertionError, whose message is the answer of the audit, unless both have the same value and gradient at inputs.

    inputs: the positional arguments: arrays of NumPy, torch or JAX, in nested dicts, lists and tuples; or one dict that
    names the arguments. A module of torch, an input or torch_fn itself, is its state on the JAX side.
    Every real or complex array is differentiated, but for those named by a glob in `constant`.
    rtol: relative to the largest entry of a parameter's gradient (default eps**0.75 of its precision); atol: absolute.
    convention: "removed" compares L_x + i L_y, whatever each framework returns; "raw" wants the arrays that
    `tensor.grad` and `jax.grad` return to be equal as they are, "conjugate" to be each other's conjugates.
    jax_inputs, mapping, precision, seed: see harness.audit.compare_gradients. Both functions run in this process.
    Raises AuditError where the question itself is wrong, ValueError for a convention that there is not.
    """
    __tracebackhide__ = True
    if convention not in CONVENTIONS:
        raise ValueError(f"convention is one of {', '.join(CONVENTIONS)}, not {convention!r}")
    from harness.audit import compare_gradients

    given = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], dict) else inputs
    found = compare_gradients(
        torch_fn, jax_fn, given, jax_inputs=jax_inputs, mapping=mapping, rtol=rtol, atol=atol, constant=constant,
        precision=precision, seed=seed,
    )
    problem = ""
    if found.faults or found.surprising:
        problem = "the gradients could not be compared" if found.faults else "the two functions differ"
    elif convention != "removed":
        wanted = "equal" if convention == "raw" else "conjugate"
        # A real parameter has one form; what vanishes or has no imaginary part is equal to its conjugate.
        others = [r for r in found.rows if r.relation not in (wanted, "equal") or _is_raw(r, wanted)]
        if others:
            names = ", ".join(f"{r.name} ({r.relation})" for r in others[:6])
            problem = f"the same derivative, but the arrays returned are not {wanted}: {names}"
    if problem:
        raise AssertionError(f"{problem}\n\n{found.text(100)}")


def _is_raw(row: Any, wanted: str) -> bool:
    """Whether a complex parameter came back equal as it is where conjugates are wanted, and could have told."""
    told = row.dtype.startswith("complex") and not row.blind
    return wanted == "conjugate" and row.relation == "equal" and told
