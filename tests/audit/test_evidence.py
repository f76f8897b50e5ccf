"""Who is right: finite differences name the side whose gradient is not the derivative of its own value, and only it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients
from harness.cli import main
from harness.comparison.arrays import relation
from harness.differences import difference
from tests.audit.conftest import ROOT

Z = np.random.default_rng(5).standard_normal((2, 40)).T @ np.array([1, 1j])
A = np.linspace(0.5, 2, 7)


def torch_loss(z: Any, a: Any) -> Any:
    return (a * z[:7].abs() ** 2).sum() + (z * z * z).real.mean()


def jax_loss(z: Any, a: Any) -> Any:
    import jax.numpy as jnp

    return (a * jnp.abs(z[:7]) ** 2).sum() + (z * z * z).real.mean()


def test_no_side_is_blamed_where_both_are_right() -> None:
    found = compare_gradients(torch_loss, jax_loss, (Z, A))
    assert found.exit_status == 0 and found.culprit == "" and found.evidence == ""
    assert all(c.consistent is True for c in found.checks)
    assert all(abs(c.estimate - c.predicted) <= 1e-9 * abs(c.predicted) for c in found.checks)


@pytest.mark.parametrize("wrong", ["jax", "torch", "both"])
def test_a_wrong_gradient_is_laid_at_the_right_door(wrong: str) -> None:
    """A hand-written rule that conjugates what it must not (JAX), or doubles it (torch)."""
    import jax
    import torch

    @jax.custom_vjp
    def cube(z: Any) -> Any:
        return z * z * z

    cube.defvjp(lambda z: (z * z * z, z), lambda z, c: ((3 * z * z * c).conj(),))

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z * z

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            (z,) = ctx.saved_tensors
            return 2 * c * (3 * z * z).conj()

    def left(z: Any, a: Any) -> Any:
        return (a * z[:7].abs() ** 2).sum() + Cube.apply(z).real.mean()

    def right(z: Any, a: Any) -> Any:
        return (a * abs(z[:7]) ** 2).sum() + cube(z).real.mean()

    functions = {"torch": (left, jax_loss), "jax": (torch_loss, right), "both": (left, right)}[wrong]
    found = compare_gradients(*functions, (Z, A))
    assert found.values_agree and not found.gradients_agree and found.exit_status == 1
    rows = {r.torch: r for r in found.rows}
    assert (rows["z"].culprit, rows["z"].evidence) == (wrong, "finite-differences")
    assert (rows["a"].verdict, rows["a"].culprit) == ("agree", "")
    assert found.culprit == wrong
    who = {"jax": "The jax side is wrong", "torch": "The torch side is wrong", "both": "Both sides are wrong"}[wrong]
    assert found.who.startswith(who) and "±" in found.who


def test_a_detached_parameter_has_verdict_zero() -> None:
    def cut(z: Any, a: Any) -> Any:
        return torch_loss(z, a.detach())

    found = compare_gradients(cut, jax_loss, (Z, A))
    rows = {r.torch: r for r in found.rows}
    assert rows["a"].verdict == "zero" and rows["a"].culprit == "torch" and "None" in rows["a"].note
    assert any("detach" in h and h.startswith("a:") for h in found.hints)


def test_the_same_mistake_on_both_sides_is_found_and_the_parameter_with_it() -> None:
    """Both agree with one another, so only the values can say it."""
    import jax

    def left(p: Any) -> Any:
        return (p["a"] ** 2).sum() + (p["b"] ** 3).sum().detach() + (p["c"] ** 2).sum()

    def right(p: Any) -> Any:
        return (p["a"] ** 2).sum() + jax.lax.stop_gradient((p["b"] ** 3).sum()) + (p["c"] ** 2).sum()

    found = compare_gradients(left, right, ({k: A + n for n, k in enumerate("abc")},))
    assert found.gradients_agree and found.culprit == "both" and found.exit_status == 1
    assert any(c.consistent is False and c.where == ("p.b",) for c in found.checks)


def test_single_precision_that_cannot_decide_says_so() -> None:
    """A gradient that is wrong by less than the values can show is nobody's fault."""
    import jax

    @jax.custom_vjp
    def off(x: Any) -> Any:
        return x

    off.defvjp(lambda x: (x, None), lambda _, c: (1.001 * c,))
    x = np.linspace(1, 2, 5, dtype=np.float32)
    found = compare_gradients(
        lambda x: (x * 1e-3).sum() + 1e4, lambda x: (off(x) * np.float32(1e-3)).sum() + np.float32(1e4), (x,)
    )
    assert found.rows[0].verdict == "factor" and found.culprit == ""
    assert "inconclusive" in found.who and "--precision double" in found.who


def test_differences_know_their_error() -> None:
    for f, truth in ((np.exp, 1.0), (np.sin, 1.0), (lambda t: (1 + t) ** 7, 7.0), (lambda t: 1 / (2 - t), 0.25)):
        found = difference(lambda t, f=f: float(f(t)), False)
        assert abs(found.estimate - truth) <= found.error < 1e-8
        rough = difference(lambda t, f=f: float(np.float32(f(np.float32(t)))), True)
        assert abs(rough.estimate - truth) <= rough.error < 1e-3
    kink = difference(lambda t: abs(t - 0.001), False)
    assert kink.error > 1e-3 or abs(kink.estimate + 1) <= kink.error


@pytest.mark.parametrize(
    ("torch", "jax", "word"),
    [(Z, Z, "equal"), (Z, Z.conj(), "conjugate"), (2 * Z, Z, "factor"), (Z, Z.real, "real-part"),
     (abs(A), A**2, "square"),
     (abs(Z) ** 2, abs(Z), "square"), (Z, abs(Z), "modulus"), (Z, -Z, "negated"),
     (Z.reshape(8, 5), Z.reshape(8, 5).T, "transposed"),
     (Z[:36].reshape(6, 6), Z[:36].reshape(6, 6).T.conj(), "adjoint"), (np.array(1.3), np.array(1.7), "none"),
     (np.array(3.0), np.array(1.5), "factor"), (Z, Z[::-1], "permutation")],
)
def test_patterns_of_values(torch: Any, jax: Any, word: str) -> None:
    assert relation(torch, jax, tolerance=1e-8).word == word


def test_the_command_prints_the_answer_and_ends_with_its_status(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = "tests.audit.user_code"
    words = ["--torch", f"{here}:good", "--jax", f"{here}:linear", "--inputs", str(numbers)]
    command = [sys.executable, "-m", "harness", "audit", *words, "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["exit_status"] == 1 and told["values"][0]["verdict"] == "value" and told["rows"][0]["torch"] == "x"
    assert main(["audit", *words, "--map", "nowhere.yaml"]) == 2
    told = capsys.readouterr().err
    assert "nowhere.yaml" in told and "Traceback" not in told


@pytest.mark.parametrize("stopped", [False, True])
def test_a_row_of_padding_accuses_nobody(stopped: bool) -> None:
    """torch documents that the row of padding_idx gets no gradient. A port that sends one is another, and not wrong."""
    import jax
    import jax.numpy as jnp
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(5, 3, padding_idx=1)
            self.out = torch.nn.Linear(3, 2)

        def forward(self, ids: Any) -> Any:
            return torch.tanh(self.out(torch.tanh(self.words(ids)))).sum()

    def port(s: Any, ids: Any) -> Any:
        table = s["words.weight"]
        table = table.at[1].set(jax.lax.stop_gradient(table[1])) if stopped else table
        return jnp.tanh(jnp.tanh(table[ids]) @ s["out.weight"].T + s["out.bias"]).sum()

    model = Model().double()
    torch.nn.init.normal_(model.words.weight)
    found = compare_gradients(lambda model, ids: model(ids), port, (model, np.array([0, 1, 3, 1])), trace=False)
    assert (found.culprit, found.exit_status) == ("", 0 if stopped else 1), found.text(100)
    assert found.checks and all(c.consistent for c in found.checks)
    assert ("sends no gradient to row 1, its padding_idx" in found.text(400)) == (not stopped)
    assert "is wrong" not in found.text() and ("table.at[1].set(" in found.text(400)) == (not stopped)
