"""Matching by structure and numbers alone; each expected link is how the arrays here were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from harness.audit import AuditError, compare_gradients
from harness.audit.layout import layouts
from harness.audit.mapping import Matching, link
from harness.audit.sides import SideLeaf

H, N = 4, 3


def side(arrays: Mapping[str, Any]) -> list[SideLeaf]:
    return [SideLeaf(n, n.partition(".")[0], True, np.asarray(a)) for n, a in arrays.items()]


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def pairs(found: Matching) -> dict[str, str]:
    return {x.torch: x.jax for x in found.links}


def whole(found: Matching) -> bool:
    return not found.torch_only and not found.jax_only


def gates(w: np.ndarray, *order: int) -> np.ndarray:
    """The blocks of H rows in another order."""
    return np.concatenate([w[k * H : (k + 1) * H] for k in order])


@pytest.mark.parametrize(("torch", "jax"), [
    ((6, 4), (4, 2, 3)), ((6,), (2, 3)), ((4, 6), (2, 3, 4)), ((2, 3, 4), (6, 4)), ((2, 3, 4), (4, 6)),
    ((1, 5, 4), (5, 4)), ((5, 4), (5, 1, 4)), ((), (1,)), ((1,), ()), ((8, 3, 5, 5), (5, 5, 3, 8)),
])
def test_a_layout_goes_there_and_back(torch: tuple[int, ...], jax: tuple[int, ...]) -> None:
    array = draw(*torch) if torch else np.array(2.0)
    ways = list(layouts(torch, jax))
    assert ways
    for way in ways:
        there = way.to_jax(array)
        assert there.shape == jax
        np.testing.assert_array_equal(way.to_torch(there, torch), array)


def test_split_heads_are_a_reshape_and_a_turn() -> None:
    """q: (heads * d, in) in torch, (in, heads, d) on the other side."""
    w = draw(6, 4)
    (found,) = link(side({"m.q.weight": w}), side({"p.q.kernel": w.T.reshape(4, 2, 3)})).links
    np.testing.assert_array_equal(found.to_jax(w), w.T.reshape(4, 2, 3))


@pytest.mark.parametrize("zero", [False, True])
def test_an_lstm_against_one_kernel_a_gate_and_one_bias_for_two(zero: bool) -> None:
    wi, wh = draw(4 * H, N), draw(4 * H, H)
    bi, bh = (np.zeros(4 * H),) * 2 if zero else (draw(4 * H, seed=1), draw(4 * H, seed=2))
    torch = {"m.weight_ih_l0": wi, "m.weight_hh_l0": wh, "m.bias_ih_l0": bi, "m.bias_hh_l0": bh}
    jax = {}
    for k, g in enumerate("ifgo"):
        rows = slice(k * H, (k + 1) * H)
        jax |= {f"p.h{g}.bias": (bi + bh)[rows], f"p.h{g}.kernel": wh[rows].T, f"p.i{g}.kernel": wi[rows].T}
    found = link(side(torch), side(jax))
    assert whole(found)
    for k, g in enumerate("ifgo"):
        rows = f"[{k * H}:{(k + 1) * H}]"
        assert pairs(found)[f"m.weight_ih_l0{rows}"] == f"p.i{g}.kernel"
        assert pairs(found)[f"m.weight_hh_l0{rows}"] == f"p.h{g}.kernel"
        (bias,) = (x.torch for x in found.links if x.jax == f"p.h{g}.bias")
        assert set(bias.split(" + ")) == {f"m.bias_ih_l0{rows}", f"m.bias_hh_l0{rows}"}


def test_gates_in_another_order_and_biases_in_a_stack() -> None:
    """GRU: r, z, n in torch; z, r, n with both biases in one array elsewhere."""
    w, u, b, c = draw(3 * H, N), draw(3 * H, H), draw(3 * H, seed=1), draw(3 * H, seed=2)
    jax = {"v.cell.bias": np.stack([gates(b, 1, 0, 2), gates(c, 1, 0, 2)]), "v.cell.kernel": gates(w, 1, 0, 2).T,
           "v.cell.recurrent_kernel": gates(u, 1, 0, 2).T}
    found = link(side({"m.weight_ih_l0": w, "m.weight_hh_l0": u, "m.bias_ih_l0": b, "m.bias_hh_l0": c}), side(jax))
    assert whole(found)
    assert pairs(found)["m.weight_ih_l0[0:4]"] == "v.cell.kernel[:, 4:8]"
    assert pairs(found)["m.bias_hh_l0[4:8]"] == "v.cell.bias[1, 0:4]"


def test_a_gru_whose_reset_and_update_biases_are_added_up() -> None:
    w, u, b, c = draw(3 * H, N), draw(3 * H, H), draw(3 * H, seed=1), draw(3 * H, seed=2)
    jax: dict[str, Any] = {"p.in.bias": b[2 * H :], "p.hn.bias": c[2 * H :]}
    for k, g in enumerate("rzn"):
        rows = slice(k * H, (k + 1) * H)
        jax |= {f"p.i{g}.kernel": w[rows].T, f"p.h{g}.kernel": u[rows].T}
        if g != "n":
            jax[f"p.i{g}.bias"] = (b + c)[rows]
    found = link(side({"m.weight_ih_l0": w, "m.weight_hh_l0": u, "m.bias_ih_l0": b, "m.bias_hh_l0": c}), side(jax))
    assert whole(found)
    assert pairs(found)["m.bias_ih_l0[0:4] + m.bias_hh_l0[0:4]"] == "p.ir.bias"
    assert pairs(found)["m.bias_hh_l0[8:12]"] == "p.hn.bias"


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_an_in_projection_against_query_key_and_value(bias: float) -> None:
    d = 6
    w, b = draw(3 * d, d), bias * draw(3 * d, seed=1)
    torch = {"m.in_proj_weight": w, "m.in_proj_bias": b, "m.out_proj.weight": draw(d, d, seed=2),
             "m.out_proj.bias": np.zeros(d)}
    jax = {"p.out.kernel": torch["m.out_proj.weight"].T.reshape(2, 3, d), "p.out.bias": np.zeros(d)}
    for k, name in enumerate(("query", "key", "value")):
        rows = slice(k * d, (k + 1) * d)
        jax |= {f"p.{name}.bias": b[rows].reshape(2, 3), f"p.{name}.kernel": w[rows].T.reshape(d, 2, 3)}
    found = link(side(torch), side(jax))
    assert whole(found)
    assert pairs(found)["m.in_proj_weight[6:12]"] == "p.key.kernel"
    assert pairs(found)["m.in_proj_bias[12:18]"] == "p.value.bias"
    assert pairs(found)["m.out_proj.bias"] == "p.out.bias"


def test_heads_and_halves_in_another_order() -> None:
    """Rows 2 k and 2 k + 1 of a rotation, elsewhere rows k and k + n / 2."""
    w = draw(16, 5)
    turned = w.reshape(2, 4, 2, 5).transpose(0, 2, 1, 3).reshape(16, 5)
    found = link(side({"m.q.weight": w}), side({"p.q.kernel": turned.T}))
    assert whole(found)
    for x in found.links:
        rows, columns = (eval(f"np.s_{n[n.index('['):]}") for n in (x.torch, x.jax))
        np.testing.assert_array_equal(w[rows].T, turned.T[columns])


@pytest.mark.parametrize("known", [True, False])
def test_layers_stacked_for_a_scan(known: bool) -> None:
    """By value; and, where the other side has numbers of its own, by name."""
    torch, kernels, shifts = {}, [], []
    for k in range(3):
        w, b = draw(5, 4, seed=k), draw(5, seed=k)
        torch |= {f"m.layers.{k}.dense.weight": w, f"m.layers.{k}.dense.bias": b}
        kernels.append(w.T)
        shifts.append(b)
    jax = {"p.layers.dense.bias": np.stack(shifts), "p.layers.dense.kernel": np.stack(kernels)}
    if not known:
        jax = {n: draw(*a.shape, seed=9) for n, a in jax.items()}
    found = link(side(torch), side(jax))
    assert whole(found)
    assert pairs(found)["m.layers.2.dense.weight"] == "p.layers.dense.kernel[2]"
    assert pairs(found)["m.layers.1.dense.bias"] == "p.layers.dense.bias[1]"


def test_numbers_go_before_names() -> None:
    """Two kernels swapped in name: the numbers say which is which."""
    a, b = draw(3, 3), draw(3, 3, seed=1)
    found = link(side({"m.fc1.weight": a, "m.fc2.weight": b}), side({"p.fc1.kernel": b.T, "p.fc2.kernel": a.T}))
    assert pairs(found) == {"m.fc1.weight": "p.fc2.kernel", "m.fc2.weight": "p.fc1.kernel"}


def test_ones_and_zeros_by_their_neighbours() -> None:
    """Two norms of one shape and one value, in modules that other weights identify."""
    w, v = draw(4, 4), draw(4, 4, seed=1)
    torch = {"m.h.0.attn.weight": w, "m.h.1.attn.weight": v}
    jax = {"p.second.mix.kernel": v.T, "p.first.mix.kernel": w.T}
    for k in range(2):
        torch |= {f"m.h.{k}.ln.weight": np.ones(4), f"m.h.{k}.ln.bias": np.zeros(4)}
    for name in ("second", "first"):
        jax |= {f"p.{name}.norm.scale": np.ones(4), f"p.{name}.norm.bias": np.zeros(4)}
    found = link(side(torch), side(jax))
    assert whole(found)
    assert pairs(found)["m.h.0.ln.weight"] == "p.first.norm.scale"
    assert pairs(found)["m.h.1.ln.bias"] == "p.second.norm.bias"


def test_what_nothing_tells_apart_stays_open() -> None:
    found = link(side({"m.a": np.ones(4), "m.b": np.ones(4)}), side({"p.c": np.ones(4), "p.d": np.ones(4)}))
    assert not found.links and len(found.torch_only) == len(found.jax_only) == 2


def test_boxes_of_variables_and_unique_ends_of_names() -> None:
    found = link(
        side({"m.a.dense.weight": draw(2, 3), "m._params.conv1d/bias": draw(4),
              "m._params.other/bias": draw(4, seed=1)}),
        side({"n.a.dense.kernel.value": draw(3, 2, seed=5), "p.x.conv1d.bias": draw(4, seed=6),
              "p.y.other.bias": draw(4, seed=7)}),
    )
    assert pairs(found) == {
        "m.a.dense.weight": "n.a.dense.kernel.value", "m._params.conv1d/bias": "p.x.conv1d.bias",
        "m._params.other/bias": "p.y.other.bias",
    }


def test_statistics_go_by_their_name_before_zeros_by_their_neighbours() -> None:
    """A convolution with a bias of its own numbers, a fresh normalisation; on the other side all is fresh."""
    torch = {"m.0.weight": draw(3, 2, 3, 3), "m.0.bias": draw(3), "m.1.weight": np.ones(3), "m.1.bias": np.zeros(3),
             "m.1.running_mean": np.zeros(3), "m.1.running_var": np.ones(3)}
    jax = {"v.batch_stats.layers_1.mean": np.zeros(3), "v.batch_stats.layers_1.var": np.ones(3),
           "v.params.layers_0.bias": np.zeros(3), "v.params.layers_0.kernel": draw(3, 3, 2, 3, seed=1),
           "v.params.layers_1.bias": np.zeros(3), "v.params.layers_1.scale": np.ones(3)}
    assert pairs(link(side(torch), side(jax))) == {
        "m.0.weight": "v.params.layers_0.kernel", "m.0.bias": "v.params.layers_0.bias",
        "m.1.weight": "v.params.layers_1.scale", "m.1.bias": "v.params.layers_1.bias",
        "m.1.running_mean": "v.batch_stats.layers_1.mean", "m.1.running_var": "v.batch_stats.layers_1.var",
    }


def test_what_is_left_of_two_leaves_is_a_part_too() -> None:
    """Two of three biases of a GRU are added up; the third stands behind them in the same array."""
    b, c = draw(3 * H, seed=1), draw(3 * H, seed=2)
    jax = {"p.bias": np.concatenate([(b + c)[: 2 * H], b[2 * H :]]), "p.bias_n": c[2 * H :]}
    found = link(side({"m.bias_ih": b, "m.bias_hh": c}), side(jax))
    assert whole(found) and pairs(found) == {
        "m.bias_ih[0:8] + m.bias_hh[0:8]": "p.bias[0:8]", "m.bias_ih[8:12]": "p.bias[8:12]",
        "m.bias_hh[8:12]": "p.bias_n",
    }


def test_where_numbers_are_given_sizes_and_order_say_the_rest() -> None:
    """Lists of arrays without names; a square one that nobody names stays open."""
    torch = {"m.0.weight": draw(5, 3), "m.2.weight": draw(2, 5), "m.0.bias": draw(5), "m.2.bias": draw(2)}
    jax = {f"w.{k}": draw(*shape, seed=7) for k, shape in enumerate(((3, 5), (5,), (5, 2), (2,)))}
    assert not whole(link(side(torch), side(jax)))
    found = link(side(torch), side(jax), given=True)
    assert pairs(found) == {"m.0.weight": "w.0", "m.0.bias": "w.1", "m.2.weight": "w.2", "m.2.bias": "w.3"}
    assert {x.turned for x in found.links} == {"", "transposed"}
    square = link(side({"m.weight": draw(4, 4)}), side({"w.0": draw(4, 4, seed=1), "w.1": draw(3)}), given=True)
    assert not square.links
    named = {"d.Dense_10.kernel": draw(4, 4, seed=1), "d.Dense_9.kernel": draw(4, 4, seed=2)}
    found = link(side({"m.0.weight": draw(4, 4), "m.1.weight": draw(4, 4, seed=5)}), side(named), given=True)
    assert pairs(found) == {"m.0.weight": "d.Dense_9.kernel", "m.1.weight": "d.Dense_10.kernel"}
    assert {x.turned for x in found.links} == {"transposed"}


def test_sizes_lead_to_neighbours_and_those_to_names() -> None:
    """A convolution and a normalisation under other names, all with numbers of their own."""
    torch = {"m.0.weight": draw(3, 2, 3, 3), "m.0.bias": draw(3), "m.1.weight": draw(3, seed=1),
             "m.1.bias": draw(3, seed=2), "m.1.running_mean": draw(3, seed=3), "m.1.running_var": draw(3, seed=4),
             "m.3.weight": draw(4, 9)}
    names = {"m.0.weight": "conv/kernel", "m.0.bias": "conv/bias", "m.1.weight": "norm/gamma", "m.1.bias": "norm/beta",
             "m.1.running_mean": "norm/moving_mean", "m.1.running_var": "norm/moving_variance",
             "m.3.weight": "dense/kernel"}
    shapes = {"conv/kernel": (3, 3, 2, 3), "dense/kernel": (9, 4)}
    jax = {f"w.net/{n}": draw(*shapes.get(n, (3,)), seed=k + 9) for k, n in enumerate(names.values())}
    assert pairs(link(side(torch), side(jax), given=True)) == {a: f"w.net/{b}" for a, b in names.items()}


def test_outputs_that_have_names_come_in_one_order() -> None:
    def torch_side(x: Any) -> Any:
        return {"y": x * 2, "mean": x.mean(), "all": [x.sum(), x]}

    def jax_side(x: Any) -> Any:
        return {"mean": x.mean(), "all": (x.sum(), x), "y": x * 2}

    found = compare_gradients(torch_side, jax_side, (B,))
    assert found.exit_status == 0 and [v.name for v in found.values] == ["all.0", "all.1", "mean", "y"]


# -- slices, sums and blocks as the user writes them -------------------------------------------------------------------

W, U, B, C = draw(3 * H, N), draw(3 * H, H), draw(3 * H, seed=1), draw(3 * H, seed=2)


def gru(torch_order: bool) -> Any:
    """A GRU step of both frameworks' operators; gates r, z, n or z, r, n; the kernel turned in the latter."""

    def step(model: Any, x: Any, h: Any) -> Any:
        w, u, b, c = (model[k] for k in ("w", "u", "b", "c"))
        i, j = (w @ x + b, u @ h + c) if torch_order else (x @ w + b, h @ u + c)
        r, z, n = (0, 1, 2) if torch_order else (1, 0, 2)

        def gate(a: Any, k: int) -> Any:
            return a[k * H : (k + 1) * H]

        def squash(a: Any) -> Any:
            return a / (1 + a * a)

        new = squash(gate(i, n) + squash(gate(i, r) + gate(j, r)) * gate(j, n))
        return ((1 - squash(gate(i, z) + gate(j, z))) * new + h).sum()

    return step


BLOCKS = {
    "w": "{name: model.w, transpose: true, blocks: [1, 0, 2]}", "b": "{name: model.b, blocks: [1, 0, 2]}",
    "u": "{name: model.u, transpose: true, blocks: [1, 0, 2]}", "c": "{name: model.c, blocks: [1, 0, 2]}",
}


@pytest.mark.parametrize("written", [True, False])
def test_permuted_gates_are_compared_part_by_part(written: bool) -> None:
    """With the map and without; a mistake in one gate is named by its rows."""
    yaml = pytest.importorskip("yaml")
    mapping = {f"model.{k}": yaml.safe_load(v) for k, v in BLOCKS.items()} if written else {}
    inputs = {"model": {"w": W, "u": U, "b": B, "c": C}, "x": draw(N), "h": draw(H, seed=4)}
    ported = {"w": gates(W, 1, 0, 2).T, "u": gates(U, 1, 0, 2).T, "b": gates(B, 1, 0, 2), "c": gates(C, 1, 0, 2)}
    found = compare_gradients(gru(True), gru(False), inputs, jax_inputs={**inputs, "model": ported}, mapping=mapping)
    assert found.exit_status == 0 and len(found.rows) == 14
    assert any(c.side == "jax" and c.consistent for c in found.checks)

    def wrong(model: Any, x: Any, h: Any) -> Any:
        import jax

        held = jax.lax.stop_gradient(model["w"][:, H : 2 * H])
        return gru(False)({**model, "w": model["w"].at[:, H : 2 * H].set(held)}, x, h)

    found = compare_gradients(gru(True), wrong, inputs, jax_inputs={**inputs, "model": ported}, mapping=mapping)
    assert found.exit_status == 1 and found.culprit == "jax"
    assert [r.torch for r in found.rows if r.culprit == "jax"] == ["model.w[0:4]"]


def test_where_it_starts_is_found_when_arrays_are_cut() -> None:
    """Torch's one matrix is two on the JAX side, so that the leaves of each side have positions of their own."""

    def left(first: Any, w: Any, x: Any) -> Any:
        import torch

        h = torch.tanh(w @ x)
        return (h * first).sum()

    def right(first: Any, top: Any, low: Any, x: Any) -> Any:
        import jax.numpy as jnp

        h = jnp.sin(jnp.concatenate([top @ x, low @ x]))
        return (h * first).sum()

    same = {"first": draw(2 * H, seed=5), "x": draw(N)}
    both = draw(2 * H, N, seed=6)
    found = compare_gradients(left, right, {**same, "w": both}, jax_inputs={**same, "top": both[:H], "low": both[H:]})
    assert {r.torch for r in found.rows} == {"first", "x", "w[0:4]", "w[4:8]"}
    assert not found.values_agree and not any("could not be looked for" in note for note in found.notes)
    (origin,) = found.origins
    assert origin.kind == "value" and origin.torch_text == "h = torch.tanh(w @ x)"
    assert origin.jax_text == "h = jnp.sin(jnp.concatenate([top @ x, low @ x]))"


def test_a_sum_is_one_parameter_and_unequal_terms_are_told() -> None:
    inputs = {"model": {"b": B, "c": C}}
    found = compare_gradients(
        lambda model: ((model["b"] + model["c"]) ** 2).sum(), lambda model: (model["bias"] ** 2).sum(), inputs,
        jax_inputs={"model": {"bias": B + C}},
    )
    assert found.exit_status == 0 and [r.torch for r in found.rows] == ["model.b + model.c"]
    found = compare_gradients(
        lambda model: ((model["b"] + model["c"].detach()) ** 2).sum(), lambda model: (model["bias"] ** 2).sum(), inputs,
        jax_inputs={"model": {"bias": B + C}},
    )
    assert found.exit_status == 1 and "do not add" in found.text().replace("does not add", "do not add")


@pytest.mark.parametrize(("text", "says"), [
    ({"m.w[0:4]": "p.w[:, 0:5]"}, r"\[4, 3\].*\[3, 5\]"),
    ({"m.w[0:4]": "p.w[:, 0:4]", "m.w[2:6]": "p.w[:, 4:8]"}, "has named already"),
    ({"m.w[40:44]": "p.w[:, 0:4]"}, "takes nothing"), ({"m.w[0:4, 0, 0]": "p.w"}, "does not fit"),
    ({"m.w": {"name": "p.w", "transpose": True, "blocks": [0, 0, 1]}}, "permutation such as"),
    ({"m.w": {"name": "p.w", "transpose": True, "blocks": [1, 0, 2, 3, 4]}}, "do not make 5 blocks"),
    ({"m.w + m.nothing": "p.w"}, "'m.nothing', which the torch side lacks"),
    ({"m.w[::-1]": "p.w"}, "no index"),
])
def test_a_wrong_part_is_explained(text: dict[str, Any], says: str) -> None:
    with pytest.raises(AuditError, match=says) as error:
        link(side({"m.w": W}), side({"p.w": W.T}), text)
    assert error.value.exit_status == 2


# -- nothing is judged at different numbers ----------------------------------------------------------------------------


def test_an_array_without_counterpart_is_the_answer() -> None:
    """With what it may be and the line that settles it, which does settle it."""
    one = {"model": {"scale": np.array([2.0, 3.0]), "a": np.ones(4), "b": np.ones(4)}}
    other = {"params": {"g": np.array([2.0, 3.0]), "p": np.ones(4), "q": np.ones(4)}}

    def torch_side(model: Any) -> Any:
        return (model["scale"] ** 2).sum() * (model["a"] * model["b"] ** 2).sum()

    def jax_side(params: Any) -> Any:
        return (params["g"] ** 2).sum() * (params["p"] * params["q"] ** 2).sum()

    found = compare_gradients(torch_side, jax_side, one, jax_inputs=other)
    assert found.exit_status == 2 and not found.rows and not found.values
    assert found.unmatched_torch == ("model.a", "model.b") and found.unmatched_jax == ("params.p", "params.q")
    assert found.to_map == ("model.a: params.p", "model.b: params.q")
    text = found.text()
    assert "model.a may be params.p or params.q" in text and "the two functions" not in text and "wrong" not in text
    yaml = pytest.importorskip("yaml")
    mapping = yaml.safe_load("\n".join(found.to_map))
    found = compare_gradients(torch_side, jax_side, one, jax_inputs=other, mapping=mapping)
    assert found.exit_status == 0 and len(found.rows) == 3


def test_numbers_that_are_elsewhere_are_told_as_lines() -> None:
    """A written map that is wrong: what the numbers say instead is in the message."""
    one, other = {"m": {"a": B, "b": C}}, {"m": {"a": B, "b": C}}
    with pytest.raises(AuditError, match=r"(?s)different numbers for m\.a ~ m\.b.*m\.a: m\.a\n\s+m\.b: m\.b"):
        compare_gradients(lambda m: (m["a"] * m["b"]).sum(), lambda m: (m["a"] * m["b"]).sum(), one, jax_inputs=other,
                          mapping={"m.a": "m.b", "m.b": "m.a"})


def test_indices_that_have_no_counterpart_count_too() -> None:
    one, other = {"w": B, "ids": np.array([0, 2, 1])}, {"w": B, "tokens": np.array([2, 2, 1])}
    found = compare_gradients(lambda w, ids: w[ids].sum(), lambda w, tokens: w[tokens].sum(), one, jax_inputs=other)
    assert found.exit_status == 2 and found.unmatched_torch == ("ids",) and found.unmatched_jax == ("tokens",)
