"""Answers to the ports, each had once for all tests of a process that look at it."""

from __future__ import annotations

import functools

from harness.audit import Audit, compare_gradients
from tests.audit.origins import adverse, further, mixed, usual
from tests.audit.origins.ports import CONTROLS, PLANTED, Port

ALL = (*PLANTED, *further.PLANTED, *adverse.PLANTED, *mixed.PLANTED, *usual.PLANTED)
ALL_CONTROLS = (*CONTROLS, *further.CONTROLS, *adverse.CONTROLS, *mixed.CONTROLS, *usual.CONTROLS)
_NAMED = {p.name: p for p in (*ALL, *ALL_CONTROLS)}
assert len(_NAMED) == len(ALL) + len(ALL_CONTROLS)


def port(name: str) -> Port:
    return _NAMED[name]


def found(port: Port, **options: bool) -> Audit:
    return compare_gradients(getattr(port.torch, port.name), getattr(port.jax, port.name), port.inputs(),
                             jax_inputs=port.jax_inputs(), constant=port.constant, **options)


@functools.cache
def answered(name: str) -> Audit:
    return found(port(name))
