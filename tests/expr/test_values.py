"""Every portable function against NumPy or SciPy, in double precision, on each framework."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.expr import NoSpelling, canonical, compile_source, names_used, table
from harness.model import Source
from tests.expr.portable_values import CASES, INPUTS, Expected


@pytest.fixture(scope="module", params=["torch", "jax"])
def framework(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], Callable[[np.ndarray], Any]]:
    if request.param == "torch":
        torch = pytest.importorskip("torch")
        return "torch", {"torch": torch}, lambda a: torch.from_numpy(a.copy())
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return "jax", {"jax": jax, "jnp": jax.numpy}, jax.numpy.asarray


def _supported(text: str, family: str) -> bool:
    return all(table()[name].text(family) is not None for name in names_used(text))


#: Where a framework's own function is less accurate than double precision allows: relative error to grant, and why.
LOOSE = {("torch", "polygamma(1, p), polygamma(2, p)"): 1e-8}  # its trigamma is good to about 5e-10 (torch 2.13 CPU)


#: Texts that JAX compiles as one program: for one alone, most of the time goes into starting the compiler.
_TOGETHER = 20
_compiled: dict[str, Any] = {}


def _by_jax(text: str, function: Callable[..., Any], inputs: dict[str, Any], roots: dict[str, Any]) -> Any:
    """What the compiled function returns: from one program of several texts, or its own where one of them fails."""
    if text not in _compiled:
        texts = [(t, e) for t, e in CASES if _supported(t, "jax")]
        first = next(k for k, (t, _) in enumerate(texts) if t == text) // _TOGETHER * _TOGETHER
        group = {}
        for other, expected in texts[first : first + _TOGETHER]:
            names = list(inspect.signature(expected).parameters)
            group[other] = compile_source(Source("portable", other), names, "jax", roots), names

        def all_of(arrays: dict[str, Any]) -> dict[str, Any]:
            return {t: f(**{name: arrays[name] for name in names}) for t, (f, names) in group.items()}

        used = {name for _, names in group.values() for name in names}
        try:
            _compiled.update(_jit(roots, all_of)({name: roots["jnp"].asarray(INPUTS[name]) for name in sorted(used)}))
        except Exception:  # of whichever text: that one's own test is to say it
            _compiled.update(dict.fromkeys(group, None))
    found = _compiled[text]
    return _jit(roots, function)(**inputs) if found is None else found


def _jit(roots: dict[str, Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The spelling is under test, not the optimiser, which takes a third of the time."""
    return roots["jax"].jit(function, compiler_options={"xla_backend_optimization_level": 0})


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(value.resolve_conj().resolve_neg() if hasattr(value, "resolve_conj") else value)


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_portable_function_is_numpys(text: str, expected: Expected, framework: Any) -> None:
    family, roots, array = framework
    names = list(inspect.signature(expected).parameters)
    if not _supported(text, family):
        with pytest.raises(NoSpelling):
            compile_source(Source("portable", text), names, family, roots)
        return
    function = compile_source(Source("portable", text), names, family, roots)
    inputs = {name: array(INPUTS[name]) for name in names}
    got = _by_jax(text, function, inputs, roots) if family == "jax" else function(**inputs)
    with np.errstate(all="ignore"):
        wanted = expected(**{name: INPUTS[name] for name in names})
    assert isinstance(got, tuple) == isinstance(wanted, tuple)
    pairs = list(zip(got, wanted, strict=True)) if isinstance(got, tuple) else [(got, wanted)]
    for mine, theirs in pairs:
        mine, theirs = _numpy(mine), np.asarray(theirs)
        assert mine.shape == theirs.shape
        assert mine.dtype.kind not in "fc" or mine.dtype in (np.float64, np.complex128)
        np.testing.assert_allclose(mine, theirs, rtol=LOOSE.get((family, text), 1e-11), atol=1e-12)


def test_every_portable_function_is_compared() -> None:
    compared = {name for text, _ in CASES for name in names_used(text)}
    assert set(table()) - compared == set()
    words = " ".join(text for text, _ in CASES)
    assert [alias for alias in canonical() if f"{alias}(" not in words] == []


def test_there_are_enough_functions() -> None:
    assert len(table()) >= 190
    assert sum(all(s.text(f) for f in ("torch", "jax")) for s in table().values()) >= 190
    assert len(CASES) >= 150
