"""Files, trees, modules and the mapping of names; what is refused, and in which words."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import AuditError, compare_gradients
from harness.audit.files import read_arrays, read_safetensors
from harness.audit.mapping import link, read_mapping
from harness.audit.sides import SideLeaf
from harness.backends.side.binding import Source, bind
from tests.audit import trees


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], **changes: Any) -> None:
    """A file by the published layout, written independently of the reader; `changes` replace fields of each entry."""
    words = {"float32": "F32", "float64": "F64", "int64": "I64", "complex64": "C64", "bool": "BOOL"}
    header: dict[str, Any] = {"__metadata__": {"made": "here"}}
    body = b""
    for name, array in arrays.items():
        data = array.tobytes()
        header[name] = {"dtype": words[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(body), len(body) + len(data)], **changes}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def test_safetensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    arrays = {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "z": np.array([1 + 2j], np.complex64),
        "n": np.array(3, np.int64), "m": np.array([True, False]),
    }
    write_safetensors(tmp_path / "x.safetensors", arrays)
    found = read_arrays(tmp_path / "x.safetensors")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    numpy_side = pytest.importorskip("safetensors.numpy")
    numpy_side.save_file({k: v for k, v in arrays.items() if v.dtype.kind != "c"}, tmp_path / "y.safetensors")
    assert set(read_safetensors(tmp_path / "y.safetensors")) == set(arrays) - {"z"}


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    raw = np.array([1.5, -2.0, 3.140625], np.float32)
    bits = (raw.view(np.uint32) >> 16).astype("<u2").tobytes()
    text = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bits)
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.safetensors")["w"], raw)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"data_offsets": [0, 400]}, "bytes"), ({"shape": [-1]}, "whole numbers"), ({"dtype": "F8"}, "dtype 'F8'"),
     ({"shape": "x"}, "whole numbers"), ({"data_offsets": None}, "needs dtype")],
)
def test_damaged_safetensors_are_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    write_safetensors(tmp_path / "x.safetensors", {"w": np.ones(3, np.float32)}, **changes)
    with pytest.raises(AuditError, match=says):
        read_arrays(tmp_path / "x.safetensors")


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]", b"\x03" + b"\0" * 7 + b"{]}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(AuditError, match="not a safetensors file"):
        read_arrays(tmp_path / "x.safetensors")


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (self.path, "w"))


def test_pickles_are_never_run(tmp_path: Path, run_audit: Any) -> None:
    torch = pytest.importorskip("torch")
    trace = tmp_path / "was-here"
    np.savez(tmp_path / "evil.npz", x=np.array([Evil(str(trace))], dtype=object))
    with pytest.raises(AuditError, match="pickled"):
        read_arrays(tmp_path / "evil.npz")
    torch.save({"x": torch.ones(3), "evil": Evil(str(trace))}, tmp_path / "evil.pt")
    with pytest.raises(AuditError, match="safe loader refuses"):
        run_audit("good", "good", str(tmp_path / "evil.pt"))
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Evil(str(trace))))
    with pytest.raises(AuditError, match=r"bare\.pt"):
        run_audit("good", "good", str(tmp_path / "bare.pt"))
    assert not trace.exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert trace.exists()  # the file does what it is feared to do


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("nowhere.npz", "no file nowhere.npz"),
        ("data.txt", "no file"),
        ("what", "neither a file nor"),
        (None, "no inputs"),
    ],
)
def test_bad_inputs_are_bad_usage(inputs: Any, says: str) -> None:
    from harness.audit import audit

    with pytest.raises(AuditError, match=says) as error:
        audit("a.b:c", "a.b:c", inputs)
    assert error.value.exit_status == 2


def test_every_container_goes_through_both_sides() -> None:
    found = compare_gradients(trees.forward, trees.forward, trees.mixed())
    assert found.exit_status == 0
    assert [r.torch for r in found.rows] == [
        "params.layers.0.weight", "params.layers.0.bias", "params.layers.1.weight", "params.layers.1.bias",
        "params.pair.left", "params.pair.right.0",
    ]
    assert [r.dtype for r in found.rows] == ["complex128"] * 4 + ["float64", "complex128"]


def test_a_state_dict_against_a_flax_tree(tmp_path: Path, run_audit: Any) -> None:
    """Names layers.0.weight and layers_0/kernel, transposed; the square one can only be told by its values."""
    torch = pytest.importorskip("torch")
    from tests.audit import modules_torch

    state = modules_torch.net.state_dict()
    torch.save(state, tmp_path / "model.pt")
    held = {k: v.numpy() for k, v in state.items()}
    write_safetensors(tmp_path / "flax.safetensors", {
        f"params/layers_{k}/{'kernel' if w == 'weight' else w}": np.ascontiguousarray(held[f"layers.{k}.{w}"].T)
        for k in (0, 1) for w in ("weight", "bias")
    })
    found = run_audit(
        "tests.audit.modules_torch:loss", "tests.audit.modules_jax:loss", "tests.audit.modules_jax:x_only",
        torch_inputs=f"params={tmp_path / 'model.pt'}", jax_inputs=f"params={tmp_path / 'flax.safetensors'}",
        constant=["params.shift"],
    )
    assert not found.faults and found.exit_status == 0
    assert {(r.torch, r.jax, r.turned) for r in found.rows} == {
        ("params.layers.0.weight", "params.params.layers_0.kernel", "transposed"),
        ("params.layers.1.weight", "params.params.layers_1.kernel", "transposed"),
        ("params.layers.0.bias", "params.params.layers_0.bias", ""),
        ("params.layers.1.bias", "params.params.layers_1.bias", ""),
        ("x", "x", ""),
    }
    assert {r.dtype for r in found.rows} == {"float32"} and {r.verdict for r in found.rows} <= {"agree", "precision"}


def test_modules_of_both_frameworks_with_the_numbers_of_one(run_audit: Any) -> None:
    pytest.importorskip("equinox")
    sides = ("tests.audit.modules_torch:with_module", "tests.audit.modules_jax:with_module")
    given = {
        "torch_inputs": "tests.audit.modules_torch:module_inputs",
        "jax_inputs": "tests.audit.modules_jax:equinox_inputs",
    }
    with pytest.raises(AuditError, match=r"different numbers for model\.layers\.0\.weight.*--values-from"):
        run_audit(*sides, **given)
    found = run_audit(*sides, values_from="torch", **given)
    assert not found.faults and found.exit_status == 0
    assert [(r.torch, r.turned) for r in found.rows if r.torch.startswith("model")] == [
        (f"model.layers.{k}.{w}", "") for k in (0, 1) for w in ("weight", "bias")
    ]
    from tests.audit import modules_torch

    model, x = modules_torch.module_inputs()
    value = float(modules_torch.with_module(model, x).detach())
    assert float(found.values[0].torch) == pytest.approx(value, rel=1e-6)
    assert float(found.values[0].jax) == pytest.approx(value, rel=1e-5)


def test_a_module_is_a_target_itself() -> None:
    """Its outputs are an array, pulled back along the same cotangent on both sides."""
    from tests.audit import modules_jax, modules_torch

    pytest.importorskip("equinox")
    x = modules_jax.x_only()["x"]
    tree = {f"layers_{k}": {"kernel": layer.weight.detach().numpy().T, "bias": layer.bias.detach().numpy()}
            for k, layer in enumerate(modules_torch.net.layers)}
    found = compare_gradients(modules_torch.net, modules_jax.apply, {"x": x}, jax_inputs={"params": tree, "x": x})
    assert found.exit_status == 0 and len(found.rows) == 5 and found.values[0].shape == (2, 4)
    assert found.culprit == "" and all(c.consistent is not False for c in found.checks)


# -- mapping -----------------------------------------------------------------------------------------------------------


def leaf(name: str, array: np.ndarray) -> SideLeaf:
    return SideLeaf(name, name.partition(".")[0], True, array)


def test_values_by_position_go_beyond_no_star() -> None:
    """`apply` of Flax takes the parameters and then whatever the module takes; rngs are given by name alone."""
    def apply(variables: Any, *args: Any, rngs: Any = None) -> None: ...
    def named(a: Any, *, b: Any) -> None: ...

    def taken(function: Any) -> list[str]:
        return list(bind(function, [Source(values=(1.0, 2.0))], "it", lambda step: None).arguments)

    assert taken(apply) == ["variables", "arg1"] and taken(named) == ["a", "b"]


def test_values_decide_where_names_say_nothing() -> None:
    a, b = np.arange(9.0).reshape(3, 3), np.arange(9.0, 18.0).reshape(3, 3)
    found = link([leaf("p.first", a), leaf("p.second", b)], [leaf("q.x", b.T), leaf("q.y", a)])
    assert {(x.torch, x.jax, x.axes, x.how) for x in found.links} == {
        ("p.first", "q.y", (), "value"), ("p.second", "q.x", (1, 0), "value"),
    }


def test_a_convolution_kernel_is_turned() -> None:
    kernel = np.random.default_rng(0).standard_normal((8, 3, 5, 5))
    (found,) = link([leaf("m.conv.weight", kernel)], [leaf("p.conv.kernel", kernel.transpose(2, 3, 1, 0))]).links
    assert found.axes == (2, 3, 1, 0)
    np.testing.assert_array_equal(found.to_jax(kernel), kernel.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(found.to_torch(found.to_jax(kernel)), kernel)


def test_what_does_not_match_is_listed() -> None:
    found = link([leaf("p.a", np.ones(3)), leaf("p.b", np.ones(4))], [leaf("p.a", np.ones(3)), leaf("p.c", np.ones(5))])
    assert found.torch_only == ("p.b",) and found.jax_only == ("p.c",)

    def left(a: Any, b: Any) -> Any:
        return (a * a).sum() + (b * b).sum()

    def right(a: Any, c: Any) -> Any:
        return (a * a).sum() + (c * c).sum()

    audit = compare_gradients(left, right, (np.ones(3), np.ones(4)), jax_inputs=(np.ones(3), np.ones(5)))
    assert audit.exit_status == 2 and not audit.rows
    assert audit.unmatched_torch == ("b",) and audit.unmatched_jax == ("c",)
    assert "--map" in audit.text()


def test_a_mapping_file_has_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("p.a: q.k\np.b: {name: q.a, transpose: true}\np.c: {name: q.z, axes: [2, 0, 1]}\n")
    a, b, c = np.ones(2), np.arange(6.0).reshape(2, 3), np.zeros((2, 3, 4))
    found = link(
        [leaf("p.a", a), leaf("p.b", b), leaf("p.c", c)],
        [leaf("q.a", b.T), leaf("q.k", a), leaf("q.z", c.transpose(2, 0, 1))], read_mapping(path),
    )
    assert [(x.torch, x.jax, x.axes) for x in found.links] == [
        ("p.a", "q.k", ()), ("p.b", "q.a", (1, 0)), ("p.c", "q.z", (2, 0, 1)),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [("p.x: q.a", "names 'p.x', which the torch side lacks"), ("p.a: q.x", "names 'q.x', which the JAX side lacks"),
     ("- p.a", "expected a mapping"), ("p.a: {name: q.a, flip: 1}", "unknown key 'flip'"),
     ("p.a: 3", "expected a JAX name"),
     ("p.a: {name: q.a, axes: [0, 3]}", "permutation"), ("p.a: [", ":1:7: not YAML"),
     ("p.a: {name: q.b}", r"\[2\].*\[3\]")],
)
def test_a_wrong_mapping_is_explained(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(text)
    with pytest.raises(AuditError, match=says):
        link([leaf("p.a", np.ones(2))], [leaf("q.a", np.ones(2)), leaf("q.b", np.ones(3))], read_mapping(path))


def test_running_statistics_are_noted_and_nobody_is_accused() -> None:
    from tests.audit import modules_jax, modules_torch

    x = np.random.default_rng(8).standard_normal((6, 3)).astype(np.float32)
    params = {"weight": np.ones(3, np.float32), "bias": np.zeros(3, np.float32)}
    found = compare_gradients(
        modules_torch.WithNorm(), modules_jax.batch_norm, {"x": x}, jax_inputs={"params": params, "x": x}
    )
    assert not found.faults and not found.warnings and any("running_mean" in n for n in found.notes)
    assert {r.torch for r in found.rows} == {"model.norm.weight", "model.norm.bias", "x"}
    assert found.values_agree and found.gradients_agree and found.exit_status == 0


def test_a_step_of_a_module_in_place_against_a_step_that_returns() -> None:
    """The user's own module is as it was afterwards."""
    from tests.audit import modules_jax, modules_torch

    x, model = modules_jax.x_only()["x"], modules_torch.Net()
    tree = {f"layers_{k}": {"kernel": layer.weight.detach().numpy().T, "bias": layer.bias.detach().numpy()}
            for k, layer in enumerate(model.layers)}
    before = {k: v.clone() for k, v in model.state_dict().items()}
    for precision in ("", "double"):
        found = compare_gradients(
            modules_torch.with_module, lambda params, x: (modules_jax.apply(params, x) ** 2).sum(), (model, x),
            jax_inputs=(tree, x), precision=precision, torch_step=None if precision else modules_torch.descend,
            jax_step=modules_jax.descend,
        )
        assert not found.faults and found.exit_status == 0
        assert {r.dtype for r in found.rows} == {"float64" if precision else "float32"}
        assert {(s.name, s.torch, s.jax) for s in found.steps} == {
            (f"model.layers.{k}.{w}", "" if precision else "descent", "descent")
            for k in (0, 1) for w in ("weight", "bias")
        }
        assert all(bool((model.state_dict()[k] == v).all()) for k, v in before.items())


def test_running_statistics_that_are_returned_are_compared_by_value_alone() -> None:
    """torch hands no gradient through the statistics that a module updates; nobody is accused of it."""
    import torch

    def torch_side(model: Any, x: Any) -> Any:
        return {"y": model(x), "mean": model.running_mean}

    def jax_side(model: Any, x: Any) -> Any:
        mean = x.mean(0)
        y = (x - mean) / (x.var(0) + 1e-5) ** 0.5
        return {"mean": 0.9 * model["running_mean"] + 0.1 * mean, "y": y * model["weight"] + model["bias"]}

    x = np.random.default_rng(1).standard_normal((5, 3))
    found = compare_gradients(torch_side, jax_side, (torch.nn.BatchNorm1d(3).double(), x))
    assert found.exit_status == 0 and {r.torch for r in found.rows} == {"model.weight", "model.bias", "x"}
    assert any(note.startswith("mean: state of torch's module") for note in found.notes)
    found = compare_gradients(torch_side, lambda model, x: {**jax_side(model, x), "mean": x.mean(0)},
                              (torch.nn.BatchNorm1d(3).double(), x))
    assert found.exit_status == 1 and found.culprit == "" and [v.verdict for v in found.values] == ["value", "agree"]
