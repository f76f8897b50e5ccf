"""Callables of the user's own: structure, layouts, and everything that can go wrong in them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model import Input, Point, Source, Task
from tests.backends import programs
from tests.backends.tasks import FRAMEWORKS, backend, data, make_task, observe

Z = np.array([[1 + 2j, 3 - 1j, 0.5j], [2.0, -1j, 1 + 1j]])
TORCH = ("torch.autograd", "torch.func")
MODULE = "tests.backends.programs"


def call(function: str, name: str, points: list[dict[str, object]], **more: object) -> Task:
    return make_task(f"{MODULE}:{function}", name, points, source="callable", modules=(MODULE,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("layout", ["", "noncontiguous", "lazy-conj"])
def test_layouts_are_really_so_when_they_reach_torch(name: str, layout: str) -> None:
    programs.SEEN.clear()
    found = observe(call("remembers", name, [{"z": Z}], layout=layout, apis=()))
    plain = programs.SEEN[0]
    assert plain.is_contiguous() == (layout != "noncontiguous")
    assert plain.is_conj() == (layout == "lazy-conj")
    np.testing.assert_array_equal(data(found, "p0", "", "value", "", "out"), 2 * Z)
    for api in ("pullback", "pushforward"):
        np.testing.assert_array_equal(data(found, "p0", api, "differential", "z", "out"), 2 * np.eye(12))


def test_taped_leaves_keep_the_layout() -> None:
    programs.SEEN.clear()
    observe(call("remembers", "torch.autograd", [{"z": Z}], layout="lazy-conj", apis=()))
    taped = [z for z in programs.SEEN if z.requires_grad]
    assert taped and all(z.is_conj() for z in taped)
    programs.SEEN.clear()


@pytest.mark.parametrize("name", TORCH)
def test_a_function_that_changes_its_input_is_told_so(name: str) -> None:
    found = observe(call("mutates", name, [{"z": Z}]))
    (seen,) = found.values()
    assert seen.status == "error" and "changed its input z in place" in seen.message


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("function", ["exits", "interrupts"])
def test_leaving_the_program_is_an_error_of_the_case(name: str, function: str) -> None:
    found = observe(call(function, name, [{"z": Z}, {"z": Z}]))
    assert [seen.status for seen in found.values()] == ["error", "error"]
    assert {seen.error for seen in found.values()} == {"SystemExit" if function == "exits" else "KeyboardInterrupt"}


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize(
    ("function", "outputs", "part"),
    [
        ("two", ("only",), "returned 2 outputs, and the case names 1: only"),
        ("nothing", (), "no output at all"),
        ("text", (), "is a str"),
    ],
)
def test_wrong_structure_is_a_sentence(name: str, function: str, outputs: tuple[str, ...], part: str) -> None:
    found = observe(call(function, name, [{"z": Z}], outputs=outputs))
    for seen in found.values():
        assert seen.status == "error" and part in seen.message and "Traceback" not in seen.message


@pytest.mark.parametrize("name", TORCH)
def test_a_number_of_outputs_that_changes_is_a_sentence(name: str) -> None:
    found = observe(call("moody", name, [{"z": Z}, {"z": 0 * Z}], apis=()))
    bad = [seen for key, seen in found.items() if key[0] == "p1"]
    assert len(bad) == 1 and "2 outputs before and 1 now" in bad[0].message


@pytest.mark.parametrize("name", TORCH)
def test_a_dtype_that_changes_is_a_sentence(name: str) -> None:
    found = observe(call("shifty", name, [{"z": Z}, {"z": 0 * Z}], apis=()))
    bad = [seen for key, seen in found.items() if key[0] == "p1"]
    assert len(bad) == 1 and "output out is float64 here and was complex128 at point p0" in bad[0].message


def test_a_broken_backward_costs_the_pullbacks_and_not_the_value() -> None:
    found = observe(call("torch_half_broken", "torch.autograd", [{"z": Z}], apis=("grad",)))
    assert found["p0", "", "value", "", "out"].status == "ok"
    seen = found["p0", "pullback", "differential", "z", "out"]
    assert (seen.status, seen.error) == ("error", "AssertionError")
    assert seen.message == "broken at 0x... in model.py"


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_mapping_of_arrays_is_one_argument(name: str) -> None:
    w, b, x = np.array([[1, 2j], [3, 4]]), np.array([1j, 2]), np.array([1 + 1j, 2.0])
    arrays = {"params.w": w + 0j, "params.b": b, "x": x}
    task = Task(
        "case", "complex128", name, "cpu", backend(name).default_mode, Source("callable", f"{MODULE}:layer"),
        tuple(Input(key, "complex", a.shape) for key, a in arrays.items()), (Point("p0", arrays),), modules=(MODULE,),
        apis=(),
    )
    found = observe(task)
    np.testing.assert_allclose(data(found, "p0", "", "value", "", "out"), w @ x + b)
    j = data(found, "p0", "pullback", "differential", "x", "out")
    np.testing.assert_allclose(j, np.block([[w.real, -w.imag], [w.imag, w.real]]))
    np.testing.assert_allclose(data(found, "p0", "pushforward", "differential", "params.b", "out"), np.eye(4))


@pytest.mark.parametrize("name", TORCH)
def test_the_gradients_of_the_seed(name: str) -> None:
    """The layer of the project's seed: grad of the real part by the weights and by the input, known numbers."""
    x = np.array([[1 + 1j, 2 + 2j]])
    w = np.array([[1.0, 2.0], [3.0, 4.0]]) + 0j
    found = observe(call("torch_seed_real", name, [{"w": w, "x": x}], apis=("grad",)))
    np.testing.assert_allclose(
        data(found, "p0", "grad", "raw", "w", "out"), [[-1 - 5j, -2 - 10j], [-1 - 5j, -2 - 10j]]
    )
    real = observe(call("torch_seed_real", name, [{"w": w, "x": x}], apis=("grad",), fixed=("x",)))
    assert ("p0", "grad", "raw", "x", "out") not in real
