"""What is outside the grammar is refused, with a place, before anything runs."""

from __future__ import annotations

import types
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.expr import check, compile_portable, compile_source
from harness.expr.grammar import parse
from harness.expr.native import Native
from harness.expr.portable import Portable
from harness.expr.translate import build
from harness.model import CaseError, Place, Source
from tests.expr import hostile

PLACE = Place("cases/evil.yaml", 7, 15)

_ALL = [
    *(("portable", "torch", ("z",), text, message) for text, message in hostile.PORTABLE),
    *(("native", "torch", ("z", "x"), text, message) for text, message in hostile.TORCH),
    *(("native", "jax", ("z", "x"), text, message) for text, message in hostile.JAX),
    *(("native", "reference", ("z",), text, message) for text, message in hostile.PORTABLE[:20]),
]


class _Forbidden(types.ModuleType):
    """A framework that must not be touched."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was reached")


@pytest.mark.parametrize(
    ("kind", "family", "arguments", "text", "message"), _ALL, ids=[f"{k}-{f}-{t[:40]!a}" for k, f, _, t, _ in _ALL]
)
def test_hostile_text_is_refused(kind: str, family: str, arguments: tuple[str, ...], text: str, message: str) -> None:
    with pytest.raises(CaseError, match=message) as caught:
        check(Source(kind, text), arguments, family, PLACE)
    place = caught.value.place
    assert place is not None
    assert place.path == PLACE.path
    assert 7 <= place.line <= 7 + text.count("\n")
    assert place.column >= 1
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"), hostile.PORTABLE[::7], ids=[repr(t[:40]) for t, _ in hostile.PORTABLE[::7]]
)
def test_compiling_refuses_it_too(text: str, message: str) -> None:
    roots = {"torch": _Forbidden("torch"), "jax": _Forbidden("jax"), "jnp": _Forbidden("jnp")}
    with pytest.raises(CaseError, match=message):
        compile_portable(text, ["z"], {})
    with pytest.raises((CaseError, AssertionError), match=f"{message}|was reached"):
        compile_source(Source("portable", text), ["z"], "torch", roots)


def test_there_are_enough_of_them() -> None:
    assert len(hostile.PORTABLE) >= 60


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("z + qq", 7, 19),
        ("a = z\nb = a + qq\nb", 8, 23),
        ("a = z\n  b = qq\nb", 8, 21),
        ("sum(z,\n    axis=qq)", 8, 24),
        ("fft(z, nn=3)", 7, 15),
        ("a = 1; b = qq; a", 7, 26),
        ("z + ２", 7, 19),
        ("z + # what\n(", 8, 15),
    ],
)
def test_the_place_is_exact(text: str, line: int, column: int) -> None:
    with pytest.raises(CaseError) as caught:
        check(Source("portable", text), ["z"], "torch", PLACE)
    assert caught.value.place == Place("cases/evil.yaml", line, column)


def test_a_place_without_a_line_stays_without_one() -> None:
    with pytest.raises(CaseError) as caught:
        check(Source("portable", "qq"), ["z"], "torch", Place("cases/evil.yaml"))
    assert str(caught.value).startswith("cases/evil.yaml: there is no name qq")


@pytest.mark.parametrize("argument", ["", "a b", "_z", "__class__", "z.w", "ｚ", "1z", "a__b"])
def test_an_input_needs_a_plain_name(argument: str) -> None:
    with pytest.raises(CaseError, match="cannot be the name of an input"):
        check(Source("portable", "1 + pi"), [argument], "torch", PLACE)


@pytest.mark.parametrize("argument", ["torch"])
def test_an_input_cannot_hide_the_framework(argument: str) -> None:
    with pytest.raises(CaseError, match="that is the framework"):
        check(Source("native", "torch.abs(torch)"), [argument], "torch", PLACE)


@pytest.mark.parametrize("text", ["os:system", "a.b:c", "package.module:function"])
def test_a_callable_is_imported_only_when_its_module_is_allowed(text: str) -> None:
    check(Source("callable", text), ["z"], "torch", PLACE)
    for modules in ((), ("o",), ("a.bb",), ("packag",), ("function",), ("",)):
        with pytest.raises(CaseError, match="not allowed to run"):
            compile_source(Source("callable", text), ["z"], "torch", {}, modules)


@pytest.mark.parametrize(
    "text", ["os.system", "a:b:c", ":f", "m:", "a b:c", "m:__f__", "m.__class__:f", "m:f()", "../m:f"]
)
def test_a_callable_path_is_module_and_function(text: str) -> None:
    with pytest.raises(CaseError, match=r"not package\.module:function"):
        check(Source("callable", text), ["z"], "torch", PLACE)


# Whatever passes the check compiles to code that can name only what was judged.

_ATOMS = ["z", "x", "1", "2.5", "3j", "pi", "None", "'s'", "torch", "jnp", "sum", "os", "_", "__class__", "e", "True"]
_MARKS = [
    ".",
    "(",
    ")",
    "[",
    "]",
    ",",
    "+",
    "*",
    "**",
    "@",
    "=",
    "==",
    ":",
    ";",
    "\n",
    " ",
    "~",
    "...",
    "lambda ",
    "real",
]
_CALLS = ["sum(", "svd(", "data", "shape", "torch.sum(", "jnp.abs("]
_VALID = [
    "a = fft(z, norm='ortho')\nsum(a * conj(a), axis=(0, -1))",
    "u, s, vh = svd(z, full_matrices=False)\n(u * s) @ vh, s[0]",
    "where(abs(z) > 1, z, 0) + x[..., [0, 1]]",
    "svd(z).S[::2] * sqrt(x.shape[-1])",
    "z.real.T @ eye(3) + pi ** 2 / 3",
    "einsum('ij,jk->ik', z, x.mT) ; ",
    "stack([z, 2 * x], axis=0)[0, 1:, None]",
    "-z // 2 % 3 + ~(x < 1)",
    "torch.linalg.svd(z).S.sum(dim=0)",
    "y = z.clone()\ny.mul_(2) + torch.pi",
    "torch.where(z.real > 0, z, torch.zeros_like(x))[..., 0]",
    "torch.einsum('ij,jk', [z, x]).to(torch.complex64).mH",
]


def _insert(parts: tuple[str, int, str, int]) -> str:
    text, start, token, drop = parts
    start %= len(text) + 1
    return text[:start] + token + text[start + drop :]


_MUTANTS = st.tuples(
    st.sampled_from(_VALID), st.integers(0, 99), st.sampled_from(["", "", *_ATOMS, *_MARKS, *_CALLS]), st.integers(0, 3)
).map(_insert)
_TEXTS = st.one_of(
    _MUTANTS,
    _MUTANTS,
    st.text(max_size=60),
    st.lists(
        st.sampled_from([*_ATOMS, *_MARKS, "sum(", "svd(", "data", "shape", "torch.sum(", "jnp.abs("]), max_size=25
    ).map("".join),
    st.sampled_from([text for text, _ in hostile.PORTABLE if len(text) < 200]).flatmap(
        lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.sampled_from([*_ATOMS, *_MARKS])).map(
            lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]
        )
    ),
)
_METHODS = {"shape", "ndim"}


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        assert isinstance(constant, (int, float, complex, str, tuple, types.CodeType, type(None), type(...)))
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


@pytest.mark.parametrize("text", _VALID)
def test_the_seeds_of_random_text_are_accepted(text: str) -> None:
    family = "torch" if "torch" in text or "clone" in text else "portable"
    check(Source("native" if family == "torch" else "portable", text), ["z", "x"], family, PLACE)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TEXTS)
def test_random_text_never_leaves_the_grammar(text: str) -> None:
    for make in (lambda t: Portable(t, ["z", "x"]), lambda t: Native(t, ["z", "x"], "torch")):
        try:
            translator = make(parse(text, PLACE))
            body = translator.program()
        except CaseError:
            continue
        code = compile(build("_f", ["z", "x"], body), "<test>", "exec")
        event("accepted")
        inner = next(c for c in code.co_consts if isinstance(c, types.CodeType))
        white = getattr(translator, "white", None)
        allowed = set(translator.needs) | _METHODS
        if white is not None:
            allowed |= white.attributes | white.result_attributes | white.methods | white.inplace
        assert _names(inner) <= allowed
        assert not any("__" in name for name in inner.co_varnames)


@settings(max_examples=300, deadline=None)
@given(_TEXTS)
def test_random_text_compiles_to_a_function_or_a_case_error(text: str) -> None:
    touched: list[str] = []

    class Functions(dict):  # type: ignore[type-arg]
        def __contains__(self, name: object) -> bool:
            touched.append(str(name))
            return True

        def __missing__(self, name: str) -> Any:
            return lambda *a, **k: 1.0

    try:
        compile_portable(text, ["z", "x"], Functions())
    except CaseError as error:
        assert error.place is not None
