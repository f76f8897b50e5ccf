"""Where ports with planted mistakes are said to start, and that ports without one start nowhere."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients
from harness.testing import assert_same_gradient
from tests.audit.origins import ports_jax, ports_torch
from tests.audit.origins.answers import ALL, ALL_CONTROLS, answered, found, port
from tests.audit.origins.ports import CONTROLS, Port

#: The ports that run each time: one of each kind of mistake, in a value and in a derivative, and every kind of control.
#: `nox -s whole` runs all.
OFTEN = (
    "gelu", "variance", "group_eps", "softmax_axis", "fused_scale", "mean_sum", "transposed_kernel", "conjugate",
    "fft_norm", "lstm_hand", "conv_same", "residual", "heads", "single", "two_values", "loop", "steps_short",
    "stopped", "detached", "no_grad", "rule_loop", "rule_jvp", "two_kinds", "two_gradients", "loop_stopped",
    "frozen_weight", "halved", "same_qkv", "same_lstm",
)


def _params(ports: Iterable[Port]) -> list[Any]:
    often = [(p, p.name in OFTEN or p in CONTROLS) for p in ports]
    return [pytest.param(p, id=p.name, marks=() if now else (pytest.mark.whole,)) for p, now in often]


def _line(place: str) -> int:
    return int(place.rpartition(":")[2])


@pytest.mark.parametrize("one", _params(ALL))
def test_every_planted_mistake_is_named_on_both_sides_and_nothing_else(one: Port) -> None:
    answer = answered(one.name)
    assert not answer.faults
    wanted = one.expected()
    got = [(_line(o.torch), _line(o.jax), o.kind) for o in answer.origins]
    assert len(got) == len(wanted), got
    for g, w in zip(sorted(got), sorted(wanted), strict=True):
        assert abs(g[0] - w[0]) <= 1 and abs(g[1] - w[1]) <= 1 and g[2] == w[2], (got, wanted)
    assert [g[0] for g in got] == sorted(g[0] for g in got)
    assert all(o.torch.rpartition(":")[0] == one.torch.__file__ for o in answer.origins)
    assert all(o.jax.rpartition(":")[0] == one.jax.__file__ for o in answer.origins)


@pytest.mark.parametrize("one", _params(ALL_CONTROLS))
def test_what_is_computed_in_another_way_starts_nowhere(one: Port) -> None:
    answer = answered(one.name)
    assert answer.values_agree and answer.gradients_agree and not answer.faults
    assert answer.origins == ()


def test_two_functions_under_one_name_are_nobodys_fault() -> None:
    answer = answered("gelu")
    assert answer.culprit == ""
    assert "exact gelu" in answer.origins[0].what and "approximate=False" in answer.origins[0].fix
    assert "wrong in jax" not in answer.text()


def test_what_an_origin_is_was_evaluated() -> None:
    """The words and the code of hypotheses, each of which gives torch's numbers."""
    said = {name: answered(name).origins[0] for name in ("fused_scale", "group_eps", "conv_same", "lstm_hand")}
    assert "1/2 times" in said["fused_scale"].what
    assert "adds 1e-05 where JAX adds 0.001" in said["group_eps"].what
    assert "pads by [(0, 1)], torch by [(1, 1)]" in said["conv_same"].what
    assert said["conv_same"].fix.startswith("padding=[(1, 1)] in y = lax.conv_general_dilated")
    assert "parts of one array are taken for each other" in said["lstm_hand"].what


def test_two_scalars_do_not_say_which_constant_was_added() -> None:
    """Any two numbers differ by a constant and by a factor: said are those that somebody would write."""
    import jax
    import torch

    t, x = np.random.default_rng(5).standard_normal((2, 4, 5))
    answer = compare_gradients(
        lambda x, t: torch.nn.functional.kl_div(x.log_softmax(-1), t.softmax(-1), reduction="batchmean"),
        lambda x, t: (jax.nn.softmax(t) * (jax.nn.log_softmax(t) - jax.nn.log_softmax(x))).mean(), (x, t))
    (origin,) = answer.origins
    assert origin.what == "torch's value is 5 times JAX's" and "adds" not in answer.text()
    answer = compare_gradients(lambda x: torch.log((x**2).sum() + 0.5), lambda x: jax.numpy.log((x**2).sum() + 0.25),
                               (x,))
    (origin,) = answer.origins
    assert origin.what == "torch adds 0.5 where JAX adds 0.25"


def test_an_operand_that_one_side_conjugates_is_tried_for_each_operand() -> None:
    import jax

    from harness.backends.jax.options import options

    a, b = np.array([1 + 2j, 3j]), np.array([2 - 1j, 1 + 1j])
    with jax.enable_x64(True):
        found = list(options(jax, jax.lax.mul_p, {}, [jax.numpy.asarray(a), jax.numpy.asarray(b)]))
    assert [what.partition(" is")[0] for what, _, _ in found] == ["operand 1", "operand 2"]
    np.testing.assert_allclose([value for _, _, value in found], [a.conj() * b, a * b.conj()])


def test_the_default_of_a_function_is_said_on_a_single_line() -> None:
    import jax
    import torch

    x = np.linspace(-2, 2, 7)
    answer = compare_gradients(lambda x: torch.nn.functional.gelu(x).sum(), lambda x: jax.nn.gelu(x).sum(), (x,))
    (origin,) = answer.origins
    assert "documented default, approximate=True" in origin.what and "approximate=False" in origin.fix
    assert answer.culprit == ""


def test_origins_are_plain_data_with_both_lines_of_source() -> None:
    answer = answered("stopped")
    (origin,) = answer.to_json()["origins"]
    (torch, jax, kind), = port("stopped").expected()
    assert (origin["torch"], origin["jax"], origin["kind"]) == (f"ports_torch.py:{torch}", f"ports_jax.py:{jax}", kind)
    assert "stop_gradient" in origin["what"]
    text = answer.text(100)
    assert "a = h / (1 + h.abs())" in text and f"ports_jax.py:{jax}" in text and "\x1b]8" not in text


def _source_line(function: Any, text: str) -> int:
    lines, start = inspect.getsourcelines(function)
    (line,) = [start + k for k, x in enumerate(lines) if text in x]
    return line


def test_a_mistake_inside_a_module_is_named_in_its_forward() -> None:
    model = ports_torch.Block()
    tree = {n: {k: p.detach().numpy() for k, p in m.named_parameters()} for n, m in model.named_children()}
    x = np.random.default_rng(3).standard_normal((5, 4))
    answer = compare_gradients(ports_torch.module, ports_jax.module, {"model": model, "x": x},
                               jax_inputs={"model": tree, "x": x})
    (origin,) = answer.origins
    assert _line(origin.torch) == _source_line(ports_torch.Block.forward, "self.norm(h)")
    assert _line(origin.jax) == _source_line(ports_jax.module, "1e-6")


def test_the_assertion_fails_with_the_same_first_screen() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_same_gradient(ports_torch.gelu, ports_jax.gelu, port("gelu").inputs())
    (block,) = [b for b in answered("gelu").text(100).split("\n\n") if b.startswith("Where it starts")]
    assert block in str(failure.value)


def test_a_long_loop_is_sampled_and_the_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax
    import torch

    from harness.backends.jax import recording as on_jax

    def left(x: Any) -> Any:
        for _ in range(40):
            x = torch.sin(x) + 0.5
        return x.sum()

    def right(x: Any) -> Any:
        return jax.lax.fori_loop(0, 40, lambda k, x: jax.numpy.sin(x) + 0.25, x).sum()

    monkeypatch.setattr(on_jax, "ITERATIONS", 6)
    answer = compare_gradients(left, right, (np.array([0.3, -0.7]),))
    assert "a loop of 40 iterations was recorded at 6 of them" in answer.text()
    assert _line(answer.origins[0].jax) == _source_line(right, "0.25")


def test_no_trace_leaves_it_out() -> None:
    assert found(port("gelu"), trace=False).origins == ()


def test_the_page_shows_what_the_audit_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    shown = page.split("<!-- origins: gelu -->")[1].split("Every step")[0]
    said = next(b for b in answered("gelu").text(100).split("\n\n") if b.startswith("Where it starts"))
    assert textwrap.dedent(shown).strip() == said.strip()
    story = page.split('## From "they differ"')[1].split("## In full")[0]
    assert story.count("\n") < 40


def test_what_is_made_of_constants_is_not_accused() -> None:
    """torch asks for no gradient of what is made of a constant, and JAX has one: no mistake of either."""
    import jax
    import jax.numpy as jnp
    import torch

    def left(w1: Any, w2: Any, x: Any) -> Any:
        h = torch.tanh(w1 @ (x * 1.1))
        return (h * w2).sum() ** 2

    def right(w1: Any, w2: Any, x: Any) -> Any:
        h = jnp.tanh(w1 @ (x * 1.1))
        return (h * jax.lax.stop_gradient(w2)).sum() ** 2

    rng = np.random.default_rng(5)
    inputs = {"w1": rng.standard_normal((3, 4)), "w2": rng.standard_normal(3), "x": rng.standard_normal(4)}
    (origin,) = compare_gradients(left, right, inputs, constant=["x"]).origins
    assert _line(origin.torch) == _source_line(left, "h * w2")
    assert _line(origin.jax) == _source_line(right, "stop_gradient(w2)")


def test_what_takes_no_tangent_is_recorded_all_the_same() -> None:
    """A solver's constants refuse to be differentiated; in the user's own program no tangent reaches them."""
    import jax
    import jax.numpy as jnp
    import torch

    @jax.custom_jvp
    def fixed(x: Any) -> Any:
        return x * 2

    @fixed.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        raise RuntimeError("Unexpected tangent")

    def left(x: Any) -> Any:
        h = torch.sin(x) * (torch.arange(1.0, 4.0, dtype=x.dtype) * 2)
        return (h * torch.exp(h)).sum()

    def right(x: Any) -> Any:
        h = jnp.sin(x) * fixed(jnp.arange(1.0, 4.0))
        return (h * jax.lax.stop_gradient(jnp.exp(h))).sum()

    (origin,) = compare_gradients(left, right, (np.array([0.3, 0.7, -0.4]),)).origins
    assert _line(origin.jax) == _source_line(right, "stop_gradient") and origin.kind == "gradient"
