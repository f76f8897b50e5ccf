"""The fuzzers for a second each, and that they find a fault; ten minutes each by nox -s fuzz."""

from __future__ import annotations

import pytest

from tests.fuzz.engine import Fuzzer
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", list(TARGETS))
def test_nothing_but_refusals(name: str) -> None:
    fuzzer = TARGETS[name]()
    found = fuzzer.run(1.0)
    assert found is None, f"{found[0]!r}\n{found[1]}"
    assert fuzzer.tried and fuzzer.lines


def test_a_fault_behind_three_doors_is_found() -> None:
    """Coverage guides: each byte that fits is kept, where chance alone would need millions of inputs."""
    from harness.untrusted import visible

    def target(data: bytes) -> None:
        if data[:1] == b"\x00":
            visible("a\x00")
            if b"key" in data:
                raise KeyError("found")

    found = Fuzzer(target, [b"x"], [b"key", b"\0"]).run(20.0)
    assert found is not None and "KeyError" in found[1]
