"""Finding backends without importing a framework."""

from __future__ import annotations

import pytest

from harness.backends import available, importable, load, missing
from harness.backends.base import Backend
from harness.model import CaseError


def test_the_built_in_backends_are_there() -> None:
    found = available()
    for name in ("torch.autograd", "torch.func", "jax"):
        assert found[name].name == name
        assert importable(found[name])


def test_a_backend_by_path() -> None:
    assert load("tests.wrong_backends:Halves").name == "wrong.halves"


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("tensorflow", "no backend 'tensorflow'"),
        ("no.such.module:Class", "cannot be imported"),
        ("tests.wrong_backends:Missing", "does not exist"),
        ("harness.wirtinger:Convention", "not a backend"),
        ("harness.wirtinger:basis", "not a backend"),
    ],
)
def test_what_is_no_backend_is_said_so(spec: str, part: str) -> None:
    with pytest.raises(CaseError, match=part):
        load(spec)


def test_missing_modules_are_named() -> None:
    class Elsewhere(Backend):  # type: ignore[misc]
        requires = ("numpy", "no_such_framework", "no_such.package")

    assert missing(Elsewhere) == ("no_such_framework", "no_such.package")
    assert not importable(Elsewhere)
