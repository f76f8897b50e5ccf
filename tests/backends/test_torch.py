"""torch's own: settings, refusals, and results that do not depend on an input."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backends.tasks import backend, data, make_task, observe

Z = np.array([1 + 2j, -0.5 + 1j])
BOTH = pytest.mark.parametrize("name", ["torch.autograd", "torch.func"])


@BOTH
def test_settings_that_change_numbers_are_recorded(name: str) -> None:
    flags = backend(name).flags()
    assert flags["tf32"] == "off" and flags["threads"] == "1"
    assert flags["float32_matmul_precision"] == "highest" and flags["deterministic_algorithms"] == "warn_only"


@BOTH
def test_an_output_that_does_not_depend_on_an_input_is_zero_in_the_differential(name: str) -> None:
    found = observe(make_task("z * z + 0 * w", name, [{"z": Z, "w": Z}], apis=()))
    for api in ("pullback", "pushforward"):
        assert not data(found, "p0", api, "differential", "w", "out").any()
    found = observe(make_task("(sum(abs(z)), sum(abs(w)))", name, [{"z": Z, "w": Z}]))
    assert not data(found, "p0", "pullback", "differential", "w", "out0").any()
    if name == "torch.autograd":
        for api in ("backward", "grad"):
            seen = found["p0", api, "raw", "w", "out0"]
            assert seen.status == "refused" and seen.message.startswith("None:")
            assert found["p0", api, "raw", "z", "out0"].status == "ok"


def test_a_constant_function_is_refused_by_the_tape() -> None:
    found = observe(make_task("ones(2) + 0 * real(w)", "torch.autograd", [{"z": Z, "w": Z}], fixed=("w",), apis=()))
    seen = found["p0", "pullback", "differential", "z", "out"]
    assert seen.status == "refused" and "does not require grad" in seen.message
    assert not data(found, "p0", "pushforward", "differential", "z", "out").any()


def test_warnings_do_not_reach_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    observe(make_task("z * z", "torch.autograd", [{"z": Z}]))
    out, err = capfd.readouterr()
    assert not out and "Warning" not in err
