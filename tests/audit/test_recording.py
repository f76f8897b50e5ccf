"""What is recorded of small programs, against values and cotangents in closed form."""

import inspect
import os

import numpy as np
import pytest

from harness.backends.side import recording
from harness.backends.side.binding import Source
from harness.backends.side.recording import Recorder, fingerprint, plain, read
from harness.backends.side_worker import make_side
from tests.audit import recorded_jax, recorded_torch

MODULES = {"torch": recorded_torch, "jax": recorded_jax}
X = np.array([0.3, -1.2, 0.7])
Z = np.array([0.3 + 1j, -1.2 + 0.5j])


def load(family, name, **arrays):
    side = make_side(family)
    side.load(getattr(MODULES[family], name), [Source("", arrays)])
    side.gradient(repeat=False)
    return Recorder(side)


def line(family, mark):
    lines = inspect.getsource(MODULES[family]).splitlines()
    (found,) = [k for k, text in enumerate(lines, 1) if f"# {mark}" in text]
    return found


def at(recorder, family, mark, number=None, found=None):
    """The last step on a marked line, with its value and its cotangent."""
    if found is None:
        number, found = recorder.record({})
    step = [s for s in found.steps if s.line == line(family, mark) and s.file == MODULES[family].__file__][-1]
    value, cotangent = recorder.arrays(number, [step.id])[step.id]
    assert step.print == fingerprint(value) and step.text.endswith(mark)
    assert step.shape == value.shape and step.dtype == str(value.dtype)
    assert step.cotangent == (None if cotangent is None else fingerprint(cotangent))
    return step, value, cotangent


@pytest.fixture(params=["torch", "jax"])
def family(request):
    return request.param


def test_values_and_cotangents_of_a_chain(family):
    recorder = load(family, "chain", w=X + 1, x=X)
    h = (X + 1) * X
    product, value, cotangent = at(recorder, family, "chain: product")
    np.testing.assert_allclose(value, h)
    np.testing.assert_allclose(cotangent, 2 * np.exp(2 * h))  # of exp(h)^2
    assert set(product.parents) == {-1, -2}
    exp, value, cotangent = at(recorder, family, "chain: exp")
    np.testing.assert_allclose(value, np.exp(h))
    np.testing.assert_allclose(cotangent, 2 * np.exp(h))
    assert exp.parents == (product.id,) and exp.op == "exp"
    assert recorder.record({})[1].steps == recorder.record({})[1].steps  # the same numbers and ids each time
    inputs = recorder.arrays(1, [-1])
    np.testing.assert_allclose(inputs[-1][1], 2 * np.exp(2 * h) * X)


def test_cotangents_of_complex_values_are_torchs(family):
    """L = Re a + 3 Im a: L_x + i L_y = 1 + 3i; a = 2i conj z: with respect to z, conj(-2i (1 + 3i))."""
    recorder = load(family, "turned", z=Z)
    _, value, cotangent = at(recorder, family, "turned: product")
    np.testing.assert_allclose(value, 2j * Z.conj())
    np.testing.assert_allclose(cotangent, np.full(2, 1 + 3j))
    np.testing.assert_allclose(recorder.arrays(1, [-1])[-1][1], np.full(2, np.conj(np.conj(2j) * (1 + 3j))))


def test_a_cut_gradient(family):
    recorder = load(family, "cut", x=X)
    _, _, cotangent = at(recorder, family, "cut: product")
    np.testing.assert_allclose(cotangent, 3 * X)  # half of the true 6 x


def test_replaced_values(family):
    recorder = load(family, "chain", w=X + 1, x=X)
    exp, _, _ = at(recorder, family, "chain: exp")
    given = np.array([1.0, 2.0, -3.0])
    (out,) = recorder.probe({exp.id: given}, ())[0].values()
    assert out == 14
    number, found = recorder.record({exp.id: given})
    same, value, cotangent = at(recorder, family, "chain: exp", number, found)
    assert same.id == exp.id and (value == given).all()
    np.testing.assert_array_equal(cotangent, 2 * given)
    (out,) = recorder.probe({-1: 0 * X}, ())[0].values()
    assert out == 3


def test_arrays_without_room_are_evaluated_again(family, monkeypatch):
    monkeypatch.setattr(recording, "BYTES", 0)
    recorder = load(family, "chain", w=X + 1, x=X)
    _, value, cotangent = at(recorder, family, "chain: product")
    np.testing.assert_allclose(value, (X + 1) * X)
    np.testing.assert_allclose(cotangent, 2 * np.exp(2 * (X + 1) * X))
    assert not recorder.kept[1].tape.values


def test_written_in_place():
    recorder = load("torch", "in_place", x=X)
    y = 2 * X + 1
    _, value, cotangent = at(recorder, "torch", "in_place: add")
    np.testing.assert_allclose(value, y)
    np.testing.assert_allclose(cotangent, [0, *(2 * y[1:])])  # the first entry is overwritten
    _, value, cotangent = at(recorder, "torch", "in_place: entry")
    y[0] = 5 * X[1]
    np.testing.assert_allclose(value, y)
    np.testing.assert_allclose(cotangent, 2 * y)


def test_a_rule_of_the_users_own(family):
    """The cotangent of the input follows the rule (7 x), the values the function."""
    recorder = load(family, "ruled", x=X)
    number, found = recorder.record({})
    np.testing.assert_allclose(recorder.arrays(number, [-1])[-1][1], 7 * X)
    values = recorder.arrays(number, [s.id for s in found.steps])
    (cubed,) = [s for s in found.steps if np.allclose(values[s.id][0], X**3)]
    np.testing.assert_allclose(values[cubed.id][1], np.ones(3))
    if family == "jax":
        square, value, cotangent = at(recorder, "jax", "cube: square", number, found)
        np.testing.assert_allclose(value, X**2)
        assert cotangent is None and square.id in cubed.parents and "attn" in cubed.scope and "block" in cubed.scope
        (out,) = recorder.probe({square.id: np.ones(3)}, ())[0].values()
        assert out == pytest.approx(X.sum())


def test_the_iterations_of_a_scan():
    k = np.arange(1.0, 6.0)
    recorder = load("jax", "scanned", x=X, k=k)
    number, found = recorder.record({})
    body = [s for s in found.steps if s.line == line("jax", "scan: body")]
    assert [s.loop for s in body] == [(n,) for n in range(5)]
    arrays = recorder.arrays(number, [s.id for s in body])
    for n, s in enumerate(body):
        value, cotangent = arrays[s.id]
        np.testing.assert_allclose(value, X / 2 ** (n + 1))
        below = sum(k[m] / 2 ** (m - n) for m in range(n, 5)) + 1 / 2 ** (4 - n)
        np.testing.assert_allclose(cotangent, np.full(3, below))
    (out,) = recorder.probe({body[2].id: np.ones(3)}, ())[0].values()
    assert out == pytest.approx(sum((X / 2).sum() * k[0:1]) + (X / 4).sum() * k[1] + 3 * (3 + 4 / 2 + 5 / 4 + 1 / 4))


def test_a_long_scan_is_sampled_and_says_so(monkeypatch):
    from harness.backends.jax import recording as on_jax

    monkeypatch.setattr(on_jax, "ITERATIONS", 6)
    k = np.linspace(0.5, 1.0, 40)
    recorder = load("jax", "scanned", x=X, k=k)
    number, found = recorder.record({})
    body = [s for s in found.steps if s.line == line("jax", "scan: body")]
    assert len(body) == 6 and [s.loop[0] for s in body][:3] == [0, 1, 2] and body[-1].loop == (39,)
    assert "40 iterations" in found.notes[0]
    for s in body:
        np.testing.assert_allclose(recorder.arrays(number, [s.id])[s.id][0], X / 2.0 ** (s.loop[0] + 1))
    expected = X.sum() * (0.5**40 + sum(k[n] * 0.5 ** (n + 1) for n in range(40)))
    assert next(iter(found.outputs.values())) == pytest.approx(expected)


def test_a_while_loop_and_a_branch():
    x = np.array([1.0, 2.0, 3.0])
    recorder = load("jax", "counted", x=x)
    _, found = recorder.record({})
    assert [s.loop for s in found.steps if s.op == "mul"][:3] == [(0,), (1,), (2,)]
    assert next(iter(found.outputs.values())) == 8 * (x * x).sum()
    for sign in (1, -1):
        recorder = load("jax", "chosen", x=sign * x)
        number, found = recorder.record({})
        _, value, _ = at(recorder, "jax", "cond: both", number, found)
        assert value == (2 * x.sum() if sign > 0 else (x * x).sum())
        np.testing.assert_allclose(recorder.arrays(number, [-1])[-1][1], np.full(3, 2.0) if sign > 0 else -2 * x)


def test_modules_have_their_path():
    recorder = load("torch", "net", x=np.outer(X, X), index=np.array([0, 2]))
    _, found = recorder.record({})
    scopes = [s.scope for s in found.steps if s.op == "linear"]
    assert scopes == ["layers.0.lin", "layers.1.lin"]
    assert [s.scope for s in found.steps if s.op == "tanh"] == ["layers.0", "layers.1"]
    assert [s.op for s in found.steps if s.op == "gelu"] == ["gelu"]
    inner = os.path.basename(recorded_torch.__file__)
    assert {os.path.basename(s.file) for s in found.steps} == {inner}
    assert set(found.outputs) == {"loss", "pair.0", "pair.1"}


def test_whole_numbers_and_trees_on_jax():
    recorder = load("jax", "indexed", x=np.outer(X, X), index=np.array([0, 2]))
    _, found = recorder.record({})
    assert set(found.outputs) == {"loss", "pair.0", "pair.1"}
    np.testing.assert_allclose(found.outputs["loss"], np.outer(X, X)[[0, 2]].sum())


def test_fingerprints_do_not_see_the_order():
    draw = np.random.default_rng(0)
    a = draw.standard_normal((40, 50, 60)) + 1j * draw.standard_normal((40, 50, 60))
    a[3, 4, 5] = np.nan
    p, q = fingerprint(a), fingerprint(a.transpose(2, 0, 1).reshape(-1, 10))
    good = a[np.isfinite(a)]
    assert p.size == a.size == q.size and p.nonfinite == q.nonfinite == 1
    for one in (p, q):
        np.testing.assert_allclose(one.sum, good.sum())
        np.testing.assert_allclose(one.sum_squares, (np.abs(good) ** 2).sum())
        np.testing.assert_allclose(one.moments, [(good**2).sum(), (good**3).sum()])
        assert one.max_abs == np.abs(good).max()


def test_steps_as_plain_data(family):
    recorder = load(family, "turned", z=Z)
    for step in recorder.record({})[1].steps:
        assert read(plain(step)) == step


def test_a_pad_that_no_input_reaches():
    """Its padding value is computed, what is padded is a constant: d/dx sum(x p) = p = (2, 1, 2)."""
    recorder = load("jax", "padded", x=X)
    _, found = recorder.record({})
    assert found.outputs["value"] == pytest.approx(float(X @ [2, 1, 2]))
    np.testing.assert_allclose(found.tape.cotangents[-1], [2, 1, 2])
