"""Asking the frameworks. What is asked of JAX here is a handful; the whole takes a minute of tracing."""

from __future__ import annotations

import json
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.cases import catalogue_path
from harness.cli import main
from harness.coverage import survey as module
from harness.coverage.survey import SurveyFailed, survey
from tests.coverage.recorded import surveys


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == package:
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)


def test_a_missing_expecttest_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    without("expecttest", monkeypatch)
    with pytest.raises(SurveyFailed, match="expecttest") as caught:
        survey("torch")
    assert "pip install" in str(caught.value)
    assert main(["coverage", str(catalogue_path() / "elementwise" / "hyperbolic.yaml")]) == 3
    assert "expecttest" in capsys.readouterr().err


def test_an_answer_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_NEEDS", {"torch": ("numpy",)})
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(SurveyFailed, match="could not say"):
        survey("torch")


def test_an_answer_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_NEEDS", {"torch": ("numpy",)})
    answer = {"version": "9", "entries": [1, 0], "functions": {"exp": [True, False]}, "aliases": {"exp": ["e"]}}
    monkeypatch.setattr(module, "_ask", lambda family: answer)
    first = survey("torch")
    monkeypatch.setattr(module, "_ask", lambda family: pytest.fail("asked twice"))
    assert survey("torch") == first
    assert first.functions == {"torch.exp": (True, False)} and first.same == (("torch.exp", "torch.e"),)


@pytest.mark.parametrize(
    ("call", "shape", "real", "wide"),
    [
        (lambda jnp, x: jnp.exp(x), (3,), True, True), (lambda jnp, x: jnp.cbrt(x), (3,), True, False),
        (lambda jnp, x: jnp.argmax(x), (3,), False, False), (lambda jnp, x: jnp.zeros(3, int), (3,), False, False),
        (lambda jnp, x: jnp.linalg.inv(x), (2, 2), True, True), (lambda jnp, x: jnp.linalg.inv(x), (3,), False, False),
    ],
)
def test_what_jax_differentiates_is_found_by_differentiating(call: Any, shape: Any, real: bool, wide: bool) -> None:
    jax = pytest.importorskip("jax")
    import jax.numpy as jnp

    from harness.backends.jax.operators import differentiates

    jax.config.update("jax_enable_x64", True)

    def probe(x: Any) -> Any:
        return call(jnp, x)

    assert differentiates(jax, jnp, probe, (shape,), jnp.float64) == real
    assert differentiates(jax, jnp, probe, (shape,), jnp.complex128) == wide


def test_json_has_the_promised_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.coverage import count

    monkeypatch.setattr(count, "survey", lambda family: surveys()[family == "jax"])
    path = str(catalogue_path() / "elementwise" / "hyperbolic.yaml")
    assert main(["coverage", "--format", "json", path]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert {"common", "covered"} <= set(tree["complex"]) and {"common", "covered"} <= set(tree["real"])
    assert tree["functions"] > 2 and tree["points"] > 20
    assert tree["complex"]["covered"] < tree["complex"]["common"]
    assert any(line["function"] == "torch.linalg.inv" and line["reason"] == "no case" for line in tree["uncovered"])


@pytest.mark.parametrize("form", ["text", "csv", "markdown"])
def test_forms(form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.coverage import count

    monkeypatch.setattr(count, "survey", lambda family: surveys()[family == "jax"])
    path = str(catalogue_path() / "elementwise" / "hyperbolic.yaml")
    assert main(["coverage", "--missing", "--excluded", "--functions", "--format", form, path]) == 0
    out = capsys.readouterr().out
    assert "torch.sinh" in out and "torch.linalg.inv" in out
    if form == "text":
        assert max(map(len, out.splitlines())) <= 120
