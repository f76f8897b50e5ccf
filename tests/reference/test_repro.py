"""Scripts for upstream reports: a true finding is confirmed by running it, a made-up one is not."""

from __future__ import annotations

import ast
from itertools import permutations
from typing import Any

import mpmath
import numpy as np
import pytest

from harness.backends.third import THIRD_ORDER
from harness.model import Case, Input, Point, Source
from harness.repro.native_code import in_mpmath, native
from harness.repro.script import NoScript, confirm, literal, script


def case(text: str, kind: str = "complex", shape: tuple[int, ...] = (3,)) -> Case:
    return Case("finding", {"portable": text}, (Input("z", kind, shape),), (), ("complex128",))


def row(
    culprit: str, api: str = "pullback", quantity: str = "differential", dtype: str = "complex128"
) -> dict[str, Any]:
    return {"case": "finding", "point": "p", "dtype": dtype, "api": api, "quantity": quantity, "input": "z",
            "output": "out", "culprit": culprit, "left": culprit, "right": "reference"}


def jacobian(derivative: np.ndarray) -> np.ndarray:
    """J of an elementwise holomorphic function."""
    return np.block([[np.diag(derivative.real), -np.diag(derivative.imag)],
                     [np.diag(derivative.imag), np.diag(derivative.real)]])


POINT = Point("p", {"z": np.array([-2 + 1j, 0.5 - 2j, 3j])})


def accused(family: str, api: str) -> str:
    """A script in which sin, which is right everywhere, is accused of returning the negative."""
    pytest.importorskip(family.partition(".")[0])
    return script(case("sin(z)"), POINT, row(family, api), -jacobian(np.cos(POINT.arrays["z"])))


@pytest.mark.parametrize("api", ["pullback", "pushforward"])
@pytest.mark.parametrize("family", ["torch.autograd", "torch.func", "jax"])
def test_a_made_up_finding_is_not_confirmed(family: str, api: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each script is run here, where the frameworks are loaded; processes of their own are what `confirm` is about."""
    with mpmath.workdps(15), pytest.raises(SystemExit) as end:
        exec(compile(accused(family, api), "finding.py", "exec"), {"__name__": "__main__"})
    output = capsys.readouterr().out
    assert end.value.code not in (0, None)
    assert "NOT CONFIRMED" in output
    assert "returned" in output  # it ran, and the framework's own number is shown


def test_a_made_up_finding_is_not_confirmed_by_a_process_of_its_own() -> None:
    ok, output = confirm(accused("jax", "pullback"))
    assert not ok and "NOT CONFIRMED" in output and "returned" in output


@pytest.mark.parametrize("api", ["forward-over-reverse", "forward-over-forward"])
def test_a_known_defect_is_confirmed(api: str) -> None:
    """sinc''(0) of torch 2.13 is 0 and not -pi^2 / 3."""
    torch = pytest.importorskip("torch")
    x = torch.zeros(1, dtype=torch.float64)
    one, jvp = torch.ones_like(x), torch.func.jvp
    slope = torch.func.grad(lambda t: torch.sinc(t).sum())
    if api == "forward-over-forward":
        def slope(t: Any) -> Any:
            return jvp(lambda u: torch.sinc(u).sum(), (t,), (one,))[1]
    returned = jvp(slope, (x,), (one,))[1].item()
    if abs(returned + np.pi**2 / 3) < 1e-6:
        pytest.skip("this release of torch is right about it")
    text = script(
        case("sum(sinc(z))", "real", (1,)), Point("p", {"z": np.zeros(1)}),
        row("torch.func", api, "hessian", "float64"), np.array([[returned]]))
    ok, output = confirm(text)
    assert ok, output
    assert "-3.28986813" in output


def third(returned: np.ndarray, api: str, family: str, name: str) -> str:
    """A script about L = Re((1 + 2i) z^2 w) + |z|^2 Im(w), which is right everywhere."""
    inputs = (Input("z", "complex", ()), Input("w", "complex", ()))
    own = Case("finding", {"portable": "real((1 + 2j) * z * z * w) + real(z * conj(z)) * imag(w)"}, inputs, (), ())
    point = Point("p", {"z": np.array(0.5 + 2j), "w": np.array(-1.5 + 0.25j)})
    return script(own, point, {**row(family, api, "third"), "input": name}, returned)


@pytest.mark.parametrize("api", THIRD_ORDER)
@pytest.mark.parametrize("family", ["torch.autograd", "torch.func", "jax"])
def test_third_derivatives_are_taken_as_the_row_says(
    family: str, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """T by hand: with c = 1 + 2i, L = Re(c z^2 w) + |z|^2 Im w has T[x,x,a] = 2 Re c, T[x,y,a] = -2 Im c,
    T[x,x,b] = -2 Im c + 2, T[x,y,b] = -2 Re c, T[y,y,a] = -2 Re c, T[y,y,b] = 2 Im c + 2. One entry at a time is said
    to be off; the script's own number is the true one."""
    pytest.importorskip(family.partition(".")[0])
    if family == "torch.autograd" and api.count("forward") > 1:
        pytest.skip("torch's dual numbers do not nest")
    true = np.array([[2, -2], [-4, -2], [-4, -2], [-2, 6]], float)
    for entry in ((1, 1), (3, 1)):
        wrong = true.copy()
        wrong[entry] += 100
        with mpmath.workdps(15), pytest.raises(SystemExit) as end:
            exec(compile(third(wrong, api, family, "z,z,w"), "finding.py", "exec"), {"__name__": "__main__"})
        said = capsys.readouterr().out
        told = ("  returned", "  right", "  check")
        shown = [float(line.split()[-1]) for line in said.splitlines() if line.startswith(told)]
        assert end.value.code not in (0, None) and "NOT CONFIRMED" in said
        assert shown == pytest.approx([true[entry]] * 3, abs=1e-7), (entry, said)


def test_a_wrong_third_derivative_is_confirmed() -> None:
    """d^3 (x y z) / dx dy dz = 1 in each order; torch 2.13 gives 0 in some where an element is 0."""
    torch = pytest.importorskip("torch")
    x, jvp = torch.tensor([0.5, 0.0, 2.0], dtype=torch.float64), torch.func.jvp

    def pushed(f: Any, k: int) -> Any:
        return lambda t: jvp(f, (t,), (torch.eye(3, dtype=torch.float64)[k],))[1]

    returned = np.zeros((3, 3, 3))
    for a, b, c in permutations(range(3)):
        returned[a, b, c] = pushed(pushed(pushed(torch.prod, a), b), c)(x).item()
    if returned.sum() == 6:
        pytest.skip("this release of torch is right about it")
    text = script(case("prod(z)", "real", (3,)), Point("p", {"z": x.numpy()}),
                  row("torch.func", THIRD_ORDER[0], "third", "float64"), returned.reshape(9, 3))
    ok, output = confirm(text)
    assert ok, output


def test_no_script_of_third_derivatives_of_many_variables() -> None:
    point = Point("p", {"z": np.ones(5)})
    with pytest.raises(NoScript, match="at most 4 real variables"):
        script(case("prod(z)", "real", (5,)), point, row("jax", THIRD_ORDER[0], "third", "float64"), np.zeros((25, 5)))


def test_what_agrees_with_the_truth_is_no_finding() -> None:
    with pytest.raises(NoScript):
        script(case("sin(z)"), POINT, row("jax"), jacobian(np.cos(POINT.arrays["z"])))


def test_kinks_are_no_findings() -> None:
    point = Point("p", {"z": np.zeros(1)})
    with pytest.raises(NoScript):
        script(case("abs(z)", "real", (1,)), point, row("jax", dtype="float64"), np.array([[1.0]]))


def test_callables_have_no_reference() -> None:
    own = Case("finding", {"jax": "mine.side:loss"}, (Input("z", "real", ()),), (), ("float64",))
    with pytest.raises(NoScript):
        script(own, Point("p", {"z": np.zeros(())}), row("jax", dtype="float64"), np.ones((1, 1)))


def test_inputs_are_exact() -> None:
    array = np.array([complex(-0.0, 5e-324), complex(np.inf, np.nan), 0.1 + 1 / 3 * 1j, complex(1.5, -0.0)])
    back = eval(literal(array), {"np": np})
    assert back.dtype == array.dtype and back.tobytes() == array.tobytes()
    single = np.array([[0.1], [-1e-45]], np.float32)
    assert eval(literal(single), {"np": np}).tobytes() == single.tobytes()


@pytest.mark.parametrize("family", ["torch", "jax"])
def test_native_code_is_python(family: str) -> None:
    for text in ("clip(real(z), -1, sqrt(2))", "q, r = qr(z)\nq @ r", "z[[0, 2]] + linspace(0, 1, 3)", "svd(z).S"):
        code = native(Source("portable", text), ["z"], family)
        ast.parse("def f(z):\n" + "\n".join("    " + line for line in code.body.splitlines()))
        assert all(ast.parse(helper) for helper in code.helpers)


def test_mpmath_code_says_the_same() -> None:
    mp = pytest.importorskip("mpmath")
    code = in_mpmath("sum(abs(z)**(1+1j) * arccosh(z) / exp(z.real))", ["z"])
    scope: dict[str, Any] = {"mp": mp}
    exec("def f(z):\n    " + code.body, scope)
    z = -0.7 + 0.4j
    assert code.summed
    expected = abs(z) ** (1 + 1j) * np.arccosh(z) / np.exp(z.real)
    assert complex(scope["f"](mp.mpc(z))) == pytest.approx(expected, rel=1e-12)
