"""The loop over points and APIs, for a framework that runs operation by operation.

A subclass moves arrays in and out and says how to pull cotangents back, how to push tangents forward and what its
native APIs are: small methods, so that a deliberately wrong backend alters one of them.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from harness.backends.base import DONE, Backend, Step
from harness.backends.rows import ResultRefused, Rows, attempt, unspelled
from harness.backends.site import Site, pair_name, triple_name
from harness.backends.third import THIRD_ORDER
from harness.expr.calling import Function, Steady, Wrong, compile_task, output_names
from harness.formats import FORMATS
from harness.model import Observation, Point, Task
from harness.wirtinger import Api, Array

#: Orders of differentiation in which Hessians are observed.
SECOND_ORDER = ("forward-over-reverse", "reverse-over-forward", "reverse-over-reverse", "forward-over-forward")

#: Evaluations of a function that finite differences with respect to one input may take.
ESTIMATES = 2000

T = TypeVar("T")
Made = tuple[T | None, BaseException | None, float]

#: One call of a native API: the names of the inputs that its result speaks of, and the call.
#:   ("z",)        the call returns one array
#:   ("z", "w")    a sequence, one array each
#:   ()            a sequence of sequences: a block of each pair of differentiated inputs
Call = tuple[tuple[str, ...], Callable[[], Any]]


def quietly(work: Callable[[], T]) -> Made[T]:
    """`attempt` with the framework's warnings silenced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return attempt(work)


class PointwiseBackend(Backend):
    """Observes a task point by point, API by API."""

    # -- what a subclass says --------------------------------------------------------------------------------------

    @abstractmethod
    def roots(self) -> Mapping[str, Any]:
        """The names at which native expressions start, {"torch": torch}."""

    @abstractmethod
    def as_array(self, value: Any) -> Any:
        """What a case's function returned as an array of the framework, or None where it is none."""

    @abstractmethod
    def inputs(self, task: Task, point: Point) -> list[Any]:
        """The leaves of a point on the task's device, in memory of their own, laid out as the point asks."""

    @abstractmethod
    def numpy(self, array: Any) -> Array:
        """A result as a NumPy array of its own memory, of dtype `formats.holder` of its own. Raises ResultRefused for
        None, Wrong for anything else."""

    def lift(self, array: Array, dtype: str) -> Any:
        """A vector, or several, held by a NumPy array: as it is, but of a dtype that NumPy lacks as the framework has
        them."""
        return array

    @abstractmethod
    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        """Pullbacks of one output along stacked cotangents, one array (K, *input shape) per differentiated input."""

    @abstractmethod
    def push(self, site: Site, number: int, tangents: Array) -> list[Array]:
        """Pushforwards along stacked tangents of one differentiated input, one array (K, *output shape) per output.

        What stands for an output that is not differentiable is not looked at.
        """

    @abstractmethod
    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        """The calls of one native API on one output."""

    @abstractmethod
    def hessian_columns(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        """Forward over reverse: the gradient of the loss pushed along tangents of one input; one array per input."""

    @abstractmethod
    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        """Reverse over reverse: the gradient by input `number` pulled back along cotangents; one array per input."""

    def hessian_mixed(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        """Reverse over forward: the loss pushed along tangents of input `number`, then pulled back to every input."""
        raise ResultRefused(f"{self.name} does not say how to differentiate a pushforward in reverse")

    def hessian_nested(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        """Forward over forward: the loss pushed along tangents of input `number`, and each of these pushforwards along
        the basis of every input; (K, real size of the input) each, real."""
        raise ResultRefused(f"{self.name} does not say how to push a pushforward forward")

    def third_along(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        """Third derivatives of the loss along every combination of `third.directions`, stacked: (K,) or (K, *shape)."""
        raise ResultRefused(f"{self.name} does not say how to differentiate a second derivative")

    def evaluate(self, site: Site) -> tuple[Any, ...]:
        """The outputs at the site; a subclass may look at the leaves before and after."""
        return site.function(site.leaves)

    # -- observing -------------------------------------------------------------------------------------------------

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        rows = Rows(task)
        function, failure = self.compiled(task, rows)
        if function is None:
            yield from failure
        else:
            yield from self.pointwise(task, function, rows)

    def compiled(self, task: Task, rows: Rows) -> tuple[Function | None, list[Observation]]:
        """The task's function, or the rows that say why there is none."""
        from harness.expr import NoSpelling

        function, error, seconds = quietly(lambda: compile_task(task, self.family, self.roots(), self.as_array))
        if isinstance(error, NoSpelling):
            return None, unspelled(rows, task, str(error))
        if function is None or error is not None:
            error = error or Wrong("no function")
            return None, [row for p in task.points for row in rows.value_failed(task, p.name, error, seconds)]
        return function, []

    def pointwise(
        self, task: Task, function: Function, rows: Rows, points: tuple[Point, ...] | None = None
    ) -> Iterator[Observation | Step]:
        """Every point (or those given) by itself."""
        steady, shared = Steady(task), dict[Any, Any]()
        for point in task.points if points is None else points:
            if (point.name, "value") in task.skip:
                continue
            yield Step(point.name, "value")
            made, error, seconds = quietly(partial(self._site, task, point, function, shared, steady))
            if made is None:
                yield from rows.value_failed(task, point.name, error or Wrong("no value"), seconds)
                yield Step(point.name, DONE)
                continue
            site, values = made
            for name, value in zip(site.outputs, values, strict=True):
                yield rows.ok(point.name, "", "value", "", name, value, seconds / len(values))
            yield from self._differential(site, rows)
            yield from self.estimates(task, point, function, rows)
            if task.apis != ():
                yield from self._raw(site, rows)
            if task.order >= 2:
                yield from self._hessian(site, rows)
            if task.order >= 3:
                yield from self._third(site, rows)
            yield Step(point.name, DONE)

    def estimates(self, task: Task, point: Point, function: Function, rows: Rows) -> Iterator[Observation]:
        """Finite differences of the function's own values, where the task asks for them: J and its "bound", an
        estimate of the error. Nothing where they would take too many evaluations or cannot be had."""
        if not task.differences:
            return
        from harness.differences import numeric_differential

        def values(arrays: Mapping[str, Array]) -> list[Array]:
            there = replace(point, arrays=arrays)
            site = Site(task, there, function, self.inputs(task, there), self.convention, {}, self.lift)
            return [self.numpy(result) for result in self.evaluate(site)]

        here, error, _ = quietly(partial(values, point.arrays))
        if here is None or error is not None:
            return
        for o, output in enumerate(output_names(task, len(here))):
            if here[o].dtype.kind not in "fc":
                continue
            for name in (i.name for i in task.inputs if i.differentiate):
                one = partial(_value, values, o)
                work = partial(numeric_differential, one, point.arrays, name, limit=ESTIMATES)
                found, error, seconds = quietly(work)
                if found is not None and error is None:
                    for quantity, data in zip(("differential", "bound"), found, strict=True):
                        yield rows.ok(point.name, "finite-differences", quantity, name, output, data, seconds / 2)

    def _site(
        self, task: Task, point: Point, function: Function, shared: dict[Any, Any], steady: Steady
    ) -> tuple[Site, list[Array]]:
        site = Site(task, point, function, self.inputs(task, point), self.convention, shared, self.lift)
        results = self.evaluate(site)
        values = [self.numpy(result) for result in results]
        site.outputs = output_names(task, len(values))
        site.output_shapes = [value.shape for value in values]
        site.output_dtypes = [_dtype(result, value) for result, value in zip(results, values, strict=True)]
        steady.check(point.name, site.output_dtypes)
        site.need_small()
        return site, values

    def _differential(self, site: Site, rows: Rows) -> Iterator[Observation | Step]:
        point, skip = site.point.name, site.task.skip
        if (point, "pullback") not in skip:
            yield Step(point, "pullback")
            for o, output in enumerate(site.outputs):
                pulled = quietly(partial(self._pulled, site, o))
                for k, name in enumerate(site.names):
                    read = partial(_at, k, site.pulled_block)
                    yield row(rows, point, "pullback", "differential", name, output, pulled, read, len(site.names))
        if (point, "pushforward") not in skip:
            yield Step(point, "pushforward")
            for k, name in enumerate(site.names):
                pushed = quietly(partial(self._pushed, site, k))
                for o, output in enumerate(site.outputs):
                    read = partial(_pushed_at, site, o)
                    yield row(
                        rows, point, "pushforward", "differential", name, output, pushed, read, len(site.outputs)
                    )

    def _pulled(self, site: Site, output: int) -> list[Array]:
        site.need_differentiable(output)
        return self.pull(site, output, site.output_cotangents(output))

    def _pushed(self, site: Site, number: int) -> list[Array]:
        return self.push(site, number, site.input_tangents(number))

    def _raw(self, site: Site, rows: Rows) -> Iterator[Observation | Step]:
        for api in self.wanted_apis(site.task):
            if (site.point.name, api.name) in site.task.skip:
                continue
            yield Step(site.point.name, api.name)
            for o, output in enumerate(site.outputs):
                if not site.too_large(api.kind, o):
                    yield from self._raw_output(site, rows, api, o, output)

    def wanted_apis(self, task: Task) -> list[Api]:
        """The native APIs that the task asks for; those of second order only where the case is."""
        return [
            api for api in self.apis
            if task.wants(api.name)
            and (task.order >= 2 or api.kind not in ("hessian", "hessian-vector"))
        ]

    def _raw_output(self, site: Site, rows: Rows, api: Api, o: int, output: str) -> Iterator[Observation]:
        point = site.point.name
        if not site.differentiable(o):
            declined = quietly(partial(site.need_differentiable, o))
            for name in site.names:
                yield row(rows, point, api.name, "raw", name, output, declined, self.numpy, len(site.names))
            return
        for names, call in self.native(site, api, o):
            made = quietly(call)
            if not names:
                pairs = [(i, j) for i in range(len(site.names)) for j in range(len(site.names))]
                for i, j in pairs:
                    name = pair_name(site.names[i], site.names[j])
                    read = partial(pick2, i, j, self.numpy)
                    yield row(rows, point, api.name, "raw", name, output, made, read, len(pairs))
            elif len(names) == 1:
                yield row(rows, point, api.name, "raw", names[0], output, made, self.numpy)
            else:
                for i, name in enumerate(names):
                    yield row(
                        rows, point, api.name, "raw", name, output, made, partial(pick, i, self.numpy), len(names)
                    )

    def _hessian(self, site: Site, rows: Rows) -> Iterator[Observation | Step]:
        point, names, count = site.point.name, site.names, len(site.names)
        for api in SECOND_ORDER:
            if (point, api) in site.task.skip:
                continue
            yield Step(point, api)
            for o, output in enumerate(site.outputs):
                for k in range(count):
                    made = quietly(partial(self._second, site, o, k, api))
                    for j in range(count):
                        r, c = (j, k) if api == "forward-over-reverse" else (k, j)
                        read = partial(_hessian_at, site, r, c, api)
                        name = pair_name(names[r], names[c])
                        yield row(rows, point, api, "hessian", name, output, made, read, count)

    def _third(self, site: Site, rows: Rows) -> Iterator[Observation | Step]:
        for api in THIRD_ORDER:
            if (site.point.name, api) in site.task.skip:
                continue
            yield Step(site.point.name, api)
            for o, output in enumerate(site.outputs):
                for slots in site.triples():
                    made = quietly(partial(self.third_block, site, o, api, slots))
                    name = triple_name(*(site.names[k] for k in slots))
                    yield row(rows, site.point.name, api, "third", name, output, made, lambda block: block)

    def third_block(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        """T's block of three inputs, (N_a N_b, N_c)."""
        site.need_real_loss(output)
        return site.third_block(api, slots, self.third_along(site, output, api, slots))

    def _second(self, site: Site, output: int, number: int, api: str) -> list[Array]:
        site.need_real_loss(output)
        if api == "forward-over-reverse":
            return self.hessian_columns(site, output, number, site.input_tangents(number))
        if api == "reverse-over-forward":
            return self.hessian_mixed(site, output, number, site.input_tangents(number))
        if api == "forward-over-forward":
            return self.hessian_nested(site, output, number, site.input_tangents(number))
        return self.hessian_rows(site, output, number, site.input_cotangents(number))


def row(
    rows: Rows, point: str, api: str, quantity: str, input: str, output: str, made: Made[Any],
    read: Callable[[Any], Array], share: int = 1,
) -> Observation:
    """The observation that `read` takes from a result, or that of the error which came instead of it.

    share: how many rows the time of the call is divided among.
    """
    result, error, seconds = made
    data: Array | None = None
    if error is None:
        data, error, _ = attempt(lambda: read(result))
    if error is not None or data is None:
        return rows.failed(point, api, quantity, input, output, error or ResultRefused("no result"), seconds / share)
    return rows.ok(point, api, quantity, input, output, data, seconds / share)


def _dtype(result: Any, value: Array) -> str:
    """The dtype of a result: NumPy's word, or the framework's where NumPy lacks it."""
    own = str(getattr(result, "dtype", "")).rpartition(".")[2]
    return own if own in FORMATS else str(value.dtype)


def _value(values: Callable[[Mapping[str, Array]], list[Array]], o: int, arrays: Mapping[str, Array]) -> Array:
    return values(arrays)[o]


def _at(k: int, block: Callable[[int, Array], Array], stacked: list[Array]) -> Array:
    return block(k, stacked[k])


def _pushed_at(site: Site, o: int, stacked: list[Array]) -> Array:
    site.need_differentiable(o)
    return site.pushed_block(o, stacked[o])


def _hessian_at(site: Site, r: int, c: int, api: str, stacked: list[Array]) -> Array:
    return site.hessian_block(r, c, stacked[r if api == "forward-over-reverse" else c], api)


def pick(i: int, numpy: Callable[[Any], Array], result: Any) -> Array:
    """The i-th array of a result."""
    return numpy(result[i])


def pick2(i: int, j: int, numpy: Callable[[Any], Array], result: Any) -> Array:
    """The (i, j)-th array of a result."""
    return numpy(result[i][j])
