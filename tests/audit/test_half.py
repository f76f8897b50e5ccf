"""Ports in half precision: a faithful one accuses nobody, a mistake is named with its line, and what cannot be told is
said."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from harness.audit import Audit, compare_gradients
from tests.audit import half_jax, half_torch

SHAPES = {"w1": (6, 8), "w2": (8, 8), "scale": (8,), "head": (8, 5), "x": (4, 6)}
SOURCE = Path(half_jax.__file__ or "").read_text()


def numbers(dtype: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    draw = np.random.default_rng(0)
    held = {k: draw.standard_normal(s).astype(np.float32) * (0.5 if len(s) == 2 else 1) for k, s in SHAPES.items()}
    sides = {k: torch.from_numpy(a).to(getattr(torch, dtype)) for k, a in held.items()}
    return sides, {k: jnp.asarray(t.float().numpy()).astype(dtype) for k, t in sides.items()}


def port(old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The port with a mistake, imported."""
    assert SOURCE.count(old) == 1
    (tmp_path / "half_wrong.py").write_text(SOURCE.replace(old, new))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("half_wrong", None)
    return importlib.import_module("half_wrong")


def audited(module: Any, dtype: str, **options: Any) -> Audit:
    left, right = numbers(dtype)
    return compare_gradients(half_torch.loss, module.loss, left, jax_inputs=right, **options)


def lines(found: Audit) -> list[tuple[str, str, str]]:
    def text(place: str) -> str:
        file, _, line = place.rpartition(":")
        return Path(file).read_text().splitlines()[int(line) - 1].strip()

    return [(o.kind, text(o.torch), text(o.jax)) for o in found.origins]


@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.whole)])
def test_a_faithful_port_accuses_nobody(dtype: str) -> None:
    found = audited(half_jax, dtype)
    assert found.exit_status == 0 and not found.origins and not found.culprit
    assert {r.verdict for r in found.rows} <= {"agree", "precision"} and {r.dtype for r in found.rows} == {dtype}
    assert dtype in found.precision[0] and "derivative of its own value" in found.who


#: (what is changed, into what, kind of the origin, part of torch's line, part of JAX's line)
PLANTED = [
    ("(centred * centred).mean(-1, keepdims=True) + 1e-5", "(centred * centred).sum(-1, keepdims=True) / 7 + 1e-5",
     "value", "torch.sqrt", "jnp.sqrt"),
    ("jax.nn.silu(h @ w2)", "jax.nn.gelu(h @ w2)", "value", "F.silu", "jax.nn.gelu"),
    ("h = norm(h, scale)", "h = norm(h, 2 * jax.lax.stop_gradient(scale) - scale)",
     "gradient", "scale", "stop_gradient"),
]


@pytest.mark.parametrize("planted", [PLANTED[1], *(pytest.param(p, marks=pytest.mark.whole) for p in PLANTED[::2])])
def test_a_mistake_is_named_with_its_line(
    planted: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, kind, torch_line, jax_line = planted
    found = audited(port(old, new, tmp_path, monkeypatch), "bfloat16")
    assert found.exit_status == 1
    ((got, left, right),) = lines(found)
    assert got == kind and torch_line in left and jax_line in right


def test_one_side_in_half_is_said_first() -> None:
    left, right = numbers("bfloat16")
    wide = {k: a.astype("float32") for k, a in right.items()}
    found = compare_gradients(half_torch.loss, half_jax.loss, left, jax_inputs=wide, differences=False)
    assert found.exit_status == 0
    assert "bfloat16 in torch, float32 in JAX" in found.precision[0]
    assert "torch computes in bfloat16" in found.precision[1]


def test_inputs_can_be_cast_and_complex_ones_cannot() -> None:
    wide = {k: t.double() for k, t in numbers("bfloat16")[0].items()}
    found = compare_gradients(half_torch.loss, half_jax.loss, wide, jax_inputs={k: t.numpy() for k, t in wide.items()},
                              precision="float16", differences=False)
    assert found.exit_status == 0 and {r.dtype for r in found.rows} == {"float16"}
    z = {"z": np.array([1 + 2j])}
    wrong = compare_gradients(lambda z: z.abs().sum(), lambda z: jnp.abs(z).sum(), z, precision="bfloat16")
    assert "no framework has complex numbers of bfloat16" in wrong.faults[0].sentence


def test_what_can_be_evaluated_in_half_alone_says_so() -> None:
    weight = torch.ones(3, dtype=torch.bfloat16)

    def left(x: torch.Tensor) -> torch.Tensor:
        return x @ weight  # refuses an x in single precision

    def right(x: Any) -> Any:
        return 2 * x.sum()

    given = torch.tensor([1.0, 2.0, 0.5], dtype=torch.bfloat16)
    other = {"x": jnp.asarray(given.float().numpy()).astype("bfloat16")}
    found = compare_gradients(left, right, {"x": given}, jax_inputs=other)
    assert found.exit_status == 1 and "cannot be evaluated" in found.precision[0] and not found.checks
    assert not found.origins and [r.verdict for r in found.rows] == ["factor"]


def test_rounding_alone_is_no_difference() -> None:
    """A sum that cancels in eight bits: both sides are right, each to its rounding."""
    def left(x: torch.Tensor) -> torch.Tensor:
        return ((x + 100) - 100).square().sum()

    def right(x: Any) -> Any:
        return jnp.square(x + (100 - 100)).sum()

    given = torch.tensor([1.3, 2.1, 0.7], dtype=torch.bfloat16)
    other = {"x": jnp.asarray(given.float().numpy()).astype("bfloat16")}
    found = compare_gradients(left, right, {"x": given}, jax_inputs=other)
    assert found.exit_status == 0 and {r.verdict for r in found.rows} <= {"agree", "precision"}
    assert any("agree in single precision" in r.note for r in found.rows)


def test_half_precision_inside_of_a_wider_program_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cast inside of a program in single precision: its line is named, what comes of it is compared to eight bits."""
    wrong = port("h = norm(h, scale)", "h = norm(h.astype(jnp.bfloat16).astype(h.dtype), scale)", tmp_path, monkeypatch)
    left, right = ({k: f(v) for k, v in side.items()} for side, f in zip(
        numbers("bfloat16"), (lambda t: t.float(), lambda a: a.astype("float32")), strict=True))
    found = compare_gradients(half_torch.loss, wrong.loss, left, jax_inputs=right)
    assert "JAX computes in bfloat16 inside although its inputs are in single precision" in found.precision[0]
    assert {r.verdict for r in found.rows} <= {"agree", "precision"} and not found.culprit
    assert "half_wrong.py:17" in found.precision[0] and "compared to half precision" in found.precision[0]
    assert found.exit_status == 0 and not found.origins


@pytest.mark.whole
def test_a_cast_inside_of_a_program_in_half_hides_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a cast in single precision is nothing in half; the mistake after it is the one that is named."""
    text = SOURCE.replace("h = norm(h, scale)", "h = norm(h.astype(jnp.bfloat16), scale)")
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", text)
    faithful = audited(port("y[:, 0]", "y[:, 0]", tmp_path, monkeypatch), "bfloat16")
    assert faithful.exit_status == 0 and not faithful.origins
    found = audited(port("jax.nn.silu(h @ w2)", "jax.nn.relu(h @ w2)", tmp_path, monkeypatch), "bfloat16")
    assert found.exit_status == 1 and ("value", "h = h + F.silu(h @ w2)", "h = h + jax.nn.relu(h @ w2)") in lines(found)
