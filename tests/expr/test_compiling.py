"""Compiling: rows of the table, precision, transformations, user code, what a release lacks."""

from __future__ import annotations

import ast
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.expr import NoSpelling, check, compile_portable, compile_source, names_used, table
from harness.expr.compiling import Namespace
from harness.expr.native import HELPERS, whitelist
from harness.expr.spelling import FAMILIES, read
from harness.expr.translate import build, define
from harness.model import CaseError, Source


def roots(family: str) -> dict[str, Any]:
    if family == "torch":
        return {"torch": pytest.importorskip("torch")}
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return {"jax": jax, "jnp": jax.numpy}


def array(family: str, value: Any) -> Any:
    value = np.asarray(value)
    return roots("torch")["torch"].from_numpy(value) if family == "torch" else roots("jax")["jnp"].asarray(value)


def run(family: str, text: str, **inputs: Any) -> Any:
    arrays = {name: array(family, value) for name, value in inputs.items()}
    return compile_source(Source("portable", text), list(inputs), family, roots(family))(**arrays)


def native(family: str, text: str, **inputs: Any) -> np.ndarray:
    check(Source("native", text), list(inputs), family)
    function = compile_source(Source("native", text), list(inputs), family, roots(family))
    value = function(**{name: array(family, value) for name, value in inputs.items()})
    return np.asarray(value.resolve_conj() if hasattr(value, "resolve_conj") else value)


Z = np.array([[1 + 2j, 3 - 1j], [0.5j, -2 + 0.1j]])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "text",
    [
        "z * sqrt(2) + eye(2) * pi",
        "z * array([0.1, 1j]) + zeros(2) + ones(2) * linspace(0, 1, 2)",
        "where(abs(z) > 1, z, 0.1)",
        "z * where(abs(z) > 1, 0.1, 0.2) + where(abs(z) > 1, 0.1j, 0) + where(abs(z) > 1, 1, 0)",
        "maximum(real(z), 0.1) + fftfreq(2) + arange(2) + hanning(2)",
        "z + full((2,), 0.1) + full((2,), 0.5j)",
        "as_complex(real(z)) + as_real(abs(z) > 1)",
        "logaddexp(real(z), 0.1) + hypot(0.1, imag(z)) + arctan2(real(z), 0.3)",
        "complex(real(z), 0.1) * exp(0.25j * pi) / sqrt(z.shape[0])",
        "pad(z, 1, constant_values=0.1)[0:2, 0:2] + full_like(z, 0.1)",
    ],
)
def test_nothing_widens_single_precision(family: str, text: str) -> None:
    single = np.asarray(run(family, text, z=Z.astype(np.complex64)))
    assert single.dtype in (np.float32, np.complex64)
    double = np.asarray(run(family, text, z=Z))
    assert double.dtype in (np.float64, np.complex128)
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_arguments_by_name_and_by_position(family: str) -> None:
    function = compile_source(Source("portable", "z - 2 * w"), ["z", "w"], family, roots(family))
    z, w = array(family, [3.0]), array(family, [1.0])
    assert float(function(z, w)[0]) == float(function(w=w, z=z)[0]) == 1.0


@pytest.mark.parametrize("family", FAMILIES)
def test_several_outputs_are_a_tuple(family: str) -> None:
    values = run(family, "u, s, vh = svd(z)\na = s * 2; a[0], a[1] * 3", z=Z)
    assert isinstance(values, tuple)
    expected = np.linalg.svd(Z, compute_uv=False) * [2, 6]
    np.testing.assert_allclose([float(v) for v in values], expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_argument_may_be_a_mapping(family: str) -> None:
    function = compile_source(
        Source("portable", 'z @ params["w"] + params["b"] + zeros(2)'), ["params", "z"], family, roots(family)
    )
    params = {"w": array(family, Z.astype(np.complex64)), "b": array(family, np.ones(2, np.complex64))}
    value = np.asarray(function(params=params, z=array(family, Z.astype(np.complex64))))
    assert value.dtype == np.complex64
    np.testing.assert_allclose(value, Z @ Z + 1, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_shadow_functions_and_constants(family: str) -> None:
    value = run(family, "e = z + 1\npi = e * 2\nbeta = pi\nbeta + gamma", z=Z, gamma=np.ones(2))
    np.testing.assert_allclose(np.asarray(value), 2 * Z + 3)


def test_a_none_argument_counts_as_not_given() -> None:
    for text in ("prod(z, None)", "prod(z, axis=None)", "logsumexp(real(z), axis=None)", "max(real(z), axis=None)"):
        for family in FAMILIES:
            assert np.asarray(run(family, text, z=Z)).shape == ()


def test_transformations_go_through() -> None:
    text = "w = fft(z, norm='ortho') + eye(2)\nsum(abs(w[..., [1, 0]])**2) + sqrt(2)"
    torch = pytest.importorskip("torch")
    function = compile_source(Source("portable", text), ["z"], "torch", roots("torch"))
    z = torch.from_numpy(Z)
    eager = torch.func.grad(function)(z)
    assert torch.allclose(torch.compile(function, backend="eager", fullgraph=True)(z), function(z))
    jax = pytest.importorskip("jax")
    other = compile_source(Source("portable", text), ["z"], "jax", roots("jax"))
    conjugate = jax.jit(jax.grad(other))(jax.numpy.asarray(Z))
    np.testing.assert_allclose(eager.resolve_conj().numpy(), np.conj(np.asarray(conjugate)), rtol=1e-12)
    batch = jax.vmap(other)(jax.numpy.stack([Z, 2 * Z]))
    again = torch.func.vmap(function)(torch.stack([z, 2 * z]))
    np.testing.assert_allclose(np.asarray(batch), again.numpy(), rtol=1e-12)


def test_the_table_is_complete_and_its_cells_compile() -> None:
    for family in FAMILIES:
        space = Namespace(family, roots(family))
        for name, spelling in table().items():
            for row, spelled in enumerate(spelling.rows):
                if family in spelled.cells:
                    assert callable(space.portable(name, row)[0])
                else:
                    with pytest.raises(NoSpelling) as caught:
                        space.portable(name, row)
                    assert (caught.value.name, caught.value.family) == (name, family)


def test_composed_cells_are_marked() -> None:
    """A cell without `~` is one call of the framework's own function, or a part of its result."""
    for name, spelling in table().items():
        for row in spelling.rows:
            for family, cell in row.cells.items():
                node = ast.parse(cell, mode="eval").body
                if isinstance(node, ast.Subscript):
                    node = node.value
                calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
                calls = [c for c in calls if not (isinstance(c.func, ast.Name) and c.func.id in HELPERS)]
                picked = [n for n in ast.walk(node) if isinstance(n, (ast.Attribute, ast.Subscript))]
                picked = [n for n in picked if ast.unparse(n) in ("x.mT", "x[..., 0]", "x[..., 1]")]
                own = isinstance(node, ast.Call) and len(calls) == 1 and not picked
                attribute = isinstance(node, ast.Attribute)
                update = cell.startswith("x.at[")
                assert (own or attribute or update) != (family in row.composed), (name, family, cell)


def test_every_whitelisted_name_is_a_function_of_the_installed_release() -> None:
    for family in FAMILIES:
        space = Namespace(family, roots(family))
        for name in whitelist(family).functions:
            found = space.native(name)
            assert callable(found)
            is_dimension_record = name.endswith("DimensionNumbers")
            assert not isinstance(found, type) or is_dimension_record, name


def test_declared_parts_are_the_frameworks_own() -> None:
    """`svd -> U, S, Vh` in a whitelist is what a user could write on the framework."""
    torch = pytest.importorskip("torch")
    a = torch.eye(3, dtype=torch.float64)
    special: dict[str, tuple[Any, ...]] = {
        "torch.topk": (a, 1), "torch.kthvalue": (a, 1), "torch.cummax": (a, 0), "torch.cummin": (a, 0),
        "torch.lu_unpack": tuple(torch.linalg.lu_factor(a)), "torch.triangular_solve": (a, a),
        "torch.linalg.solve_ex": (a, a), "torch.linalg.lstsq": (a, a),
    }
    for family in FAMILIES:
        space = Namespace(family, roots(family))
        value = a if family == "torch" else roots("jax")["jnp"].eye(3)
        for name, parts in whitelist(family).functions.items():
            if parts:
                result = space.native(name)(*special.get(name, (value,)))
                assert [hasattr(result, part) for part in parts] == [True] * len(parts), name


@pytest.mark.parametrize(
    ("family", "text", "expected"),
    [
        ("torch", "torch.linalg.svd(z).S[0] * torch.pi", np.linalg.svd(Z)[1][0] * np.pi),
        ("torch", "torch.nn.functional.silu(z.real).sum(dim=0)", (Z.real / (1 + np.exp(-Z.real))).sum(0)),
        ("torch", "y = z.clone()\ny.mul_(2).add_(1)", 2 * Z + 1),
        ("torch", "(z * 1)[0].mul_(2)", 2 * Z[0]),
        ("torch", "z.to(torch.complex64).to(z.dtype)", Z.astype(np.complex64).astype(complex)),
        ("torch", "torch.zeros(2, dtype=z.dtype, device=z.device) + z", Z),
        ("torch", "v, i = torch.max(z.real, dim=0)\nv", Z.real.max(0)),
        ("torch", "torch.max(z.real, dim=0).values", Z.real.max(0)),
        ("torch", "torch.einsum('ij,jk->ik', z, z.mH)", Z @ Z.conj().T),
        ("torch", "z[[1, 0]] + z[:, None, 0].squeeze()[None]", Z[[1, 0]] + Z[:, 0]),
        ("torch", "z.reshape(z.shape[0] * z.shape[1]) / z.numel()", Z.ravel() / 4),
        ("torch", "torch.nn.functional.relu(z.real + 0, inplace=True)", np.maximum(Z.real, 0)),
        ("jax", "jnp.linalg.svd(z).S[0] * jnp.pi", np.linalg.svd(Z)[1][0] * np.pi),
        ("jax", "jax.nn.silu(z)", Z / (1 + np.exp(-Z))),
        ("jax", "z.at[0, 1].set(5).at[1].add(z[0])", np.array([Z[0], Z[1] + np.array([Z[0, 0], 5])]) * 1.0
         - np.array([[0, Z[0, 1] - 5], [0, 5 - Z[0, 1]]])),
        ("jax", "jax.lax.conv_general_dilated(z.real[None], z.real[:, None], (1,), 'VALID', "
         "feature_group_count=2, dimension_numbers=('NCH', 'OIH', 'NCH'))", (Z.real**2).sum(1)[None, :, None]),
        ("jax", "lax.cummax(z.real, axis=0)", np.maximum.accumulate(Z.real)),
        ("jax", "jax.numpy.sum(z.astype(jnp.complex64)).astype(z.dtype)", Z.sum()),
        ("jax", "jax.scipy.special.logsumexp(z.real, axis=0)", np.log(np.exp(Z.real).sum(0))),
        ("jax", "jax.scipy.stats.norm.logpdf(z.real)", -(Z.real**2) / 2 - np.log(2 * np.pi) / 2),
        ("jax", "jnp.einsum('ij,jk->ik', z, jnp.conj(z).T)", Z @ Z.conj().T),
    ],
)
def test_native_texts(family: str, text: str, expected: Any) -> None:
    np.testing.assert_allclose(native(family, text, z=Z), expected, rtol=1e-6)


def test_in_place_never_reaches_an_input() -> None:
    torch = pytest.importorskip("torch")
    z = torch.from_numpy(Z.copy())
    function = compile_source(Source("native", "(z + 0).mul_(2) + z.clone().zero_()"), ["z"], "torch", roots("torch"))
    function(z)
    np.testing.assert_array_equal(z.numpy(), Z)


def test_what_a_release_lacks_is_unsupported_for_that_function_alone() -> None:
    old = types.ModuleType("old_torch")
    for name in ("float64", "float32", "complex128", "complex64"):
        setattr(old, name, name)
    old.abs = abs  # type: ignore[attr-defined]
    old.linalg = types.ModuleType("old_torch.linalg")  # type: ignore[attr-defined]
    old.linalg.inv = lambda x: 1 / x  # type: ignore[attr-defined]
    assert compile_source(Source("portable", "abs(z) + inv(z)"), ["z"], "torch", {"torch": old})(-4.0) == 3.75
    for text, name in (("vecdot(z, z)", "vecdot"), ("erfcx(z)", "erfcx"), ("exp(z)", "exp")):
        with pytest.raises(NoSpelling, match="not in the installed release") as caught:
            compile_source(Source("portable", text), ["z"], "torch", {"torch": old})
        assert (caught.value.name, caught.value.family) == (name, "torch")
    with pytest.raises(NoSpelling, match=r"torch\.exp"):
        compile_source(Source("native", "torch.exp(z)"), ["z"], "torch", {"torch": old})


def test_a_namespace_of_ones_own() -> None:
    seen: list[Any] = []

    def total(*arguments: Any, **keywords: Any) -> str:
        seen.append((arguments, keywords))
        return "total"

    functions = {"sum": total, "pi": 3, "arccosh": lambda x: x + 100, "svd": lambda a: ("u", "s", "v"), "sqrt": str}
    run_it = compile_portable("a = acosh(z) * pi\nb = sum(z, axis=None, keepdims=True); a, svd(z).S, sqrt(2)", ["z"],
                              functions)
    assert run_it(7) == (321, "s", "2")
    assert seen == [((7,), {"keepdims": True})]
    picked = compile_portable("z[[2, 0]]", ["z"], {})(np.arange(3) * 5)
    assert list(picked) == [10, 0]
    with pytest.raises(NoSpelling) as caught:
        compile_portable("exp(z)", ["z"], functions)
    assert caught.value.name == "exp"


def test_a_callable_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "their_port"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "losses.py").write_text("def loss(z, w):\n    return (z, w)\nnumber = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = Source("callable", "their_port.losses:loss")
    with pytest.raises(CaseError, match="not allowed to run"):
        compile_source(source, ["z", "w"], "torch", {})
    assert "their_port" not in sys.modules
    for modules in (("their_port",), ("their_port.losses",)):
        loss = compile_source(source, ["z", "w"], "torch", {}, modules)
        assert loss(w=1, z={"leaf": 2}) == ({"leaf": 2}, 1) == loss({"leaf": 2}, 1)
    with pytest.raises(CaseError, match="no function number"):
        compile_source(Source("callable", "their_port.losses:number"), ["z"], "torch", {}, ("their_port",))
    with pytest.raises(CaseError, match="cannot be imported"):
        compile_source(Source("callable", "their_port.nothing:loss"), ["z"], "torch", {}, ("their_port",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(acosh(z).real) + pi", {"sum", "arccosh", "real"}),
        ("beta * z.conj()", {"conj"}),
        ("u, s, v = svd(a); s", {"svd"}),
        ("torch.nn.functional.silu(z).sum() + torch.pi", {"torch.nn.functional.silu", ".sum", "torch.pi"}),
        ("lax.rsqrt(x) + jax.numpy.abs(z.at[0].set(1))", {"jax.lax.rsqrt", "jnp.abs", ".at.set"}),
        ("my.module:function", set()),
        ("my_module:function", set()),
    ],
)
def test_names_used(text: str, expected: set[str]) -> None:
    assert names_used(text) == expected


def test_a_bad_table_says_which_row() -> None:
    with pytest.raises(ValueError, match=r"'sin\(x\) \| torch.sin\(x\)' has 2 cells"):
        read("= a\nsin(x) | torch.sin(x)\n")
    with pytest.raises(ValueError, match="'b = nothing'"):
        read("= a\nsin(x) | torch.sin(x) | -\nb = nothing\n")


def test_no_framework_is_imported() -> None:
    code = (
        "import sys, harness.expr as e; from harness.model import Source\n"
        "e.check(Source('native', 'torch.abs(z)'), ['z'], 'torch'); e.table()\n"
        "print([m for m in ('torch', 'jax', 'pandas', 'yaml', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("text", ["open", "z._private", "print(z)"])
def test_the_last_look_is_independent_of_the_translation(text: str) -> None:
    module = build("_f", ["z"], [ast.Return(ast.parse(text, mode="eval").body)])
    with pytest.raises(AssertionError, match=r"is not bound|is private"):
        define(module, {}, all_builtins=True)
