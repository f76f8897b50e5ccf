"""The script of an exhibit, and what a framework returns at one of its points."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from harness.findings.exhibits import JAX, TORCH, Exhibit
from harness.findings.hunted import hunted

_DIGITS = 100


def exhibit(name: str) -> Exhibit | None:
    """The exhibit of a finding; None where there is none."""
    held = JAX.get(name) or TORCH.get(name)
    return held or (hunted()[name].exhibit if name in hunted() else None)


def right(e: Exhibit, point: str) -> Any:
    """What is right at a point, a number of mpmath with a hundred digits."""
    import mpmath as mp

    with mp.workdps(_DIGITS + 60):
        value = eval(e.right, {"mp": mp, "x": _exact(_literal(point))})  # a text of this package's own
        return mp.mpmathify(value)


def lines(e: Exhibit, family: str, point: str) -> list[str]:
    """Python that leaves what a framework returns at a point in `got`, with NaN where it raises."""
    if family == "jax":
        head = ["import jax", "jax.config.update('jax_enable_x64', True)", "import jax.numpy as jnp",
                f"x = jnp.array({point})" + ("" if "j" in point else ".astype(jnp.float64)")]
    else:
        kind = "complex128" if "j" in point else "float64"
        head = ["import torch", f"x = torch.tensor({point}, dtype=torch.{kind})"]
    return [*head, *e.setup.splitlines(), f"got = complex({e.got})"]


def script(name: str, sentence: str, versions: str) -> str:
    """A script of at most 25 lines without this package; it exits with 0 where the finding is confirmed."""
    import mpmath as mp

    e = exhibit(name)
    assert e is not None
    family = name.partition("-")[0]
    truth = right(e, e.shown)
    number = complex(truth)
    told = wrap(f"{sentence[0].upper()}{sentence[1:]}. Seen with {versions}; exits with 0 where it is confirmed.", 108)
    body = lines(e, family, e.shown)
    if "assertion" in name:
        body = [*body[:-1], "try:", f"    {body[-1]}", "except RuntimeError as error:",
                "    print(str(error)[:200])", "    got = complex('nan')"]
    return "\n".join([
        '"""' + "\n".join(told) + '"""', "import sys", *body,
        f"right = {number!r}  # {mp.nstr(truth, 60) if mp.im(truth) == 0 else mp.nstr(truth, 30)}",
        f"print({family!r}, {family}.__version__, 'at x =', {e.shown!r}, 'returned', got, 'and right is', right)",
        "off = abs((got - right).real) + abs((got - right).imag)",
        f"wrong = not off <= {e.room!r} * abs(right)",
        "print('CONFIRMED' if wrong else 'NOT CONFIRMED')", "sys.exit(0 if wrong else 1)", ""])


def _literal(point: str) -> Any:
    return eval(point, {"__builtins__": {}})  # a literal of this package's own


def _exact(x: Any) -> Any:
    import mpmath as mp

    return [_exact(v) for v in x] if isinstance(x, list) else mp.mpc(x) if isinstance(x, complex) else mp.mpf(x)
