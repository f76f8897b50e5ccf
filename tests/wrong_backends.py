"""Backends that are wrong in one way each, to test the tester; and one that is right in a convention of its own.

Each is torch.func with one method altered. `expected_verdict` is the verdict on a differential (or the status word)
wherever the alteration changes anything at all; where it does not (the conjugate of a real gradient), the verdict
is "agree". Importable in a worker as "tests.wrong_backends:Name".
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from harness.backends.base import Device, Step
from harness.backends.loop import Call
from harness.backends.site import Site
from harness.backends.torch.func import TorchFunc
from harness.model import Observation, Task
from harness.wirtinger import TORCH, Api, Array, Convention

#: Kinds of native APIs whose result is made of pullbacks.
REVERSE = ("gradient", "batched-gradient", "pullback", "jacobian-reverse")

#: torch.func's, without `linearize`, which traces at every point and takes as long as everything else together.
APIS = tuple(api for api in TorchFunc.apis if api.name != "linearize")


class Altered(TorchFunc):
    """torch.func whose every reverse-mode result passes through `alter` (an array or a tensor, any shape)."""

    apis = APIS
    expected_verdict: ClassVar[str]

    def alter(self, result: Any) -> Any:
        return result

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        return [self.alter(rows) for rows in super().pull(site, output, cotangents)]

    def hessian_columns(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        return [self.alter(rows) for rows in super().hessian_columns(site, output, number, tangents)]

    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        return [self.alter(rows) for rows in super().hessian_rows(site, output, number, cotangents)]

    def hessian_mixed(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        return [self.alter(rows) for rows in super().hessian_mixed(site, output, number, tangents)]

    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        for names, call in super().native(site, api, output):
            yield names, partial(self.altered, call, len(names)) if api.kind in REVERSE else call

    def altered(self, call: Callable[[], Any], count: int) -> Any:
        result = call()
        return self.alter(result) if count == 1 else [self.alter(entry) for entry in result]


class ConjugatesPullback(Altered):
    """Returns the conjugate of every gradient while declaring torch's convention."""

    name = "wrong.conjugates-pullback"
    expected_verdict = "conjugate"

    def alter(self, result: Any) -> Any:
        return result.conj()


class ConjugatesCotangent(TorchFunc):
    """Conjugates the cotangent on its way in; a cotangent of 1, hence every `grad`, hides it."""

    name = "wrong.conjugates-cotangent"
    apis = APIS
    expected_verdict = "conjugate"

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        return super().pull(site, output, np.conj(cotangents))

    def vjp(self, f: Callable[..., Any], inputs: list[Any], cotangent: Any) -> Any:
        return super().vjp(f, inputs, cotangent.conj())


class FlipsSign(Altered):
    """Returns the negative of every gradient."""

    name = "wrong.flips-sign"
    expected_verdict = "sign"

    def alter(self, result: Any) -> Any:
        return -result


class Halves(Altered):
    """Returns half of every gradient: the factor of the Wirtinger derivative where no framework has it."""

    name = "wrong.halves"
    expected_verdict = "factor"

    def alter(self, result: Any) -> Any:
        return result * 0.5


class Doubles(Altered):
    """Returns twice every gradient."""

    name = "wrong.doubles"
    expected_verdict = "factor"

    def alter(self, result: Any) -> Any:
        return result * 2


class DropsImaginary(Altered):
    """Returns gradients whose imaginary part is zero, in the complex dtype."""

    name = "wrong.drops-imaginary"
    expected_verdict = "part"

    def alter(self, result: Any) -> Any:
        if isinstance(result, np.ndarray):
            return result.real.astype(result.dtype)
        return result.real.to(result.dtype) if result.is_complex() else result


class ReturnsZero(Altered):
    """Returns zero."""

    name = "wrong.returns-zero"
    expected_verdict = "zero"

    def alter(self, result: Any) -> Any:
        return np.zeros_like(result) if isinstance(result, np.ndarray) else self.torch.zeros_like(result)


class ReturnsNaN(Altered):
    """Returns NaN, in both parts of a complex gradient."""

    name = "wrong.returns-nan"
    expected_verdict = "nonfinite"

    def alter(self, result: Any) -> Any:
        nan = complex("nan+nanj")
        if isinstance(result, np.ndarray):
            return np.full_like(result, nan if np.iscomplexobj(result) else nan.real)
        return self.torch.full_like(result, nan if result.is_complex() else nan.real)


class Transposes(TorchFunc):
    """Multiplies cotangents by the Jacobian where it should by its transpose, wherever the shapes allow it."""

    name = "wrong.transposes"
    apis = APIS
    expected_verdict = "mismatch"

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        found = []
        size = int(np.prod(site.output_shapes[output]))
        for rows in super().pull(site, output, cotangents):
            square = rows.size == len(rows) * size
            blocks = rows.reshape(-1, size, size).swapaxes(1, 2) if square else rows
            found.append(np.ascontiguousarray(blocks).reshape(rows.shape))
        return found


class SwapsInputs(TorchFunc):
    """Hands the gradients of the first two inputs that look alike to each other."""

    name = "wrong.swaps-inputs"
    apis = APIS
    expected_verdict = "mismatch"

    def swapped(self, site: Site, found: Any) -> list[Any]:
        found = list(found)
        looks = list(zip(site.input_shapes, site.input_dtypes, strict=True))
        for a in range(len(looks)):
            for b in range(a + 1, len(looks)):
                if looks[a] == looks[b]:
                    found[a], found[b] = found[b], found[a]
                    return found
        return found

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        return self.swapped(site, super().pull(site, output, cotangents))

    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        for names, call in super().native(site, api, output):
            if len(names) > 1 and api.kind in REVERSE:
                yield names, lambda call=call: self.swapped(site, call())
            else:
                yield names, call


class ForwardDiffersFromReverse(TorchFunc):
    """Pushforwards are twice what they should be; pullbacks are right."""

    name = "wrong.forward-differs"
    apis = APIS
    expected_verdict = "factor"

    def push(self, site: Site, number: int, tangents: Array) -> list[Array]:
        return [2 * columns for columns in super().push(site, number, tangents)]

    def jvp(self, f: Callable[[Any], Any], leaf: Any, tangent: Any) -> Any:
        return 2 * super().jvp(f, leaf, tangent)


class DoublesNestedPushforwards(TorchFunc):
    """Wrong in nested pushforwards alone: every order with a pullback in it is right."""

    name = "wrong.nested-pushforward"
    apis = ()
    expected_verdict = "factor"

    def hessian_nested(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        return [2 * numbers for numbers in super().hessian_nested(site, output, number, tangents)]


class DoublesThirdDerivatives(TorchFunc):
    """Wrong in third derivatives alone, and there where every pass is a reverse one."""

    name = "wrong.third-derivatives"
    apis = ()
    expected_verdict = "factor"

    def third_along(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        found = super().third_along(site, output, api, slots)
        return 2 * found if api == "reverse-over-reverse-over-reverse" else found


class Hangs(TorchFunc):
    """Never returns from a pullback."""

    name = "wrong.hangs"
    apis = APIS
    expected_verdict = "timeout"

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        while True:
            time.sleep(3600)


class DiesBySignal(TorchFunc):
    """Takes its process down in a pullback."""

    name = "wrong.dies-by-signal"
    apis = APIS
    expected_verdict = "crash"

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError("still alive")


class FailsAtOnce(TorchFunc):
    """Comes to the pullback of every point without loading a framework, so that a process costs little to lose."""

    apis = ()
    requires = ()

    def __init__(self, device: str | None = None) -> None:
        pass

    def versions(self) -> Mapping[str, str]:
        return {}

    def flags(self) -> Mapping[str, str]:
        return {}

    def devices(self) -> tuple[Device, ...]:
        return (Device("cpu", True),)

    def settings(self) -> Mapping[str, Any]:
        return {}

    def namespaces(self) -> tuple[Any, ...]:
        return ()

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for point in task.points:
            if (point.name, "pullback") not in task.skip:
                yield Step(point.name, "pullback")
                self.fail()

    def fail(self) -> None:
        raise NotImplementedError


class HangsAtOnce(FailsAtOnce):
    """Never returns from a pullback."""

    name = "wrong.hangs-at-once"
    expected_verdict = "timeout"

    def fail(self) -> None:
        time.sleep(3600)


class DiesAtOnce(FailsAtOnce):
    """Takes its process down in a pullback."""

    name = "wrong.dies-at-once"
    expected_verdict = "crash"

    def fail(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Raises(Altered):
    """Fails with an exception that is no framework's way to decline."""

    name = "wrong.raises"
    expected_verdict = "error"

    def alter(self, result: Any) -> Any:
        raise ZeroDivisionError("this backend divides by zero")


class Refuses(Altered):
    """Declines every pullback."""

    name = "wrong.refuses"
    expected_verdict = "unsupported"

    def alter(self, result: Any) -> Any:
        raise NotImplementedError("this backend has no reverse mode")


class ReturnsReal(Altered):
    """Returns real gradients for complex inputs, as an array of a real dtype."""

    name = "wrong.returns-real"
    expected_verdict = "error"

    def alter(self, result: Any) -> Any:
        return result.real


class ThirdConvention(Altered):
    """Correct: JAX's sign with torch's cotangents, vjp(c) = conj(A^H c + B^T conj(c)), and declared so."""

    name = "third.convention"
    convention = Convention(pullback=-1, cotangent=1)
    apis = tuple(replace(api, sign=-1) if api.kind in REVERSE else api for api in APIS)
    expected_verdict = "agree"

    def alter(self, result: Any) -> Any:
        return result.conj()

    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        # vjp of conj(g) along c is, in torch's convention, vjp of g along conj(c)
        return super().hessian_rows(site, output, number, np.conj(cotangents))


#: Every wrong backend; the correct one of a third convention is apart.
WRONG: tuple[type[TorchFunc], ...] = (
    ConjugatesPullback, ConjugatesCotangent, FlipsSign, Halves, Doubles, DropsImaginary, ReturnsZero, ReturnsNaN,
    Transposes, SwapsInputs, ForwardDiffersFromReverse, Hangs, DiesBySignal, Raises, Refuses, ReturnsReal,
)

assert TorchFunc.convention == TORCH
