"""What an audit is asked, as fields of `Options` and `Limits` or by their names."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from harness.audit import AuditError, Limits, Options, audit, compare_gradients

X = np.array([1.0, 2.0])


def square(x: Any) -> Any:
    return (x**2).sum()


def near(x: Any) -> Any:
    return ((1 + 1e-4) * x**2).sum()


def test_options_by_name_and_as_a_whole_are_one() -> None:
    assert compare_gradients(square, near, (X,), trace=False).exit_status == 1
    for given in ({"rtol": 1e-3}, {"options": Options(rtol=1e-3)}, {"options": Options(rtol=1e-9), "rtol": 1e-3}):
        assert compare_gradients(square, near, (X,), trace=False, **given).exit_status == 0


def test_a_mistyped_option_is_refused_with_what_is_near() -> None:
    with pytest.raises(AuditError, match=r"no option 'constants'; did you mean constant\?"):
        compare_gradients(square, near, (X,), constants=["x"])
    with pytest.raises(AuditError, match="no option 'time_out'; did you mean timeout"):
        audit("a:b", "c:d", "x.npz", time_out=3, limits=Limits())


def test_few_arguments() -> None:
    for function in (audit, compare_gradients):
        named = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        assert len(named) <= 9
