"""One compiled program per task: every value, pullback, pushforward and native API of a case, for all its points.

The program takes the leaves and one vector for each output and input, and is called once per basis vector and once
with the generic vectors. Calling it along the basis, rather than mapping over the basis inside it, compiles fastest
and leaves the operations unbatched, as a user would run them. An API that refuses while it is traced is remembered
with its own error and does not disturb the others. A program that was kept (see `program_cache`) is not traced again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from harness.backends.jax.program_cache import KeptPart, KeptProgram, Shelf
from harness.backends.jax.transforms import TracedSite, Transforms, differentiable_outputs, plain
from harness.backends.loop import SECOND_ORDER, Made, pick, pick2, row
from harness.backends.rows import Recalled, ResultRefused, Rows, attempt, classify
from harness.backends.site import Site, pair_name, triple_name
from harness.backends.third import THIRD_ORDER
from harness.expr.calling import Function, Steady, output_names
from harness.model import Observation, Point, Task
from harness.wirtinger import Api, Array

#: Up to this many calls a point, the native APIs share the program of the differential (they are computed in every
#: call and read once; compiling them together is cheaper than running them repeatedly is dear).
SHARED_CALLS = 48


Work = tuple[Hashable, Callable[[], Any]]


class Part:
    """One traced and compiled function; its results are found by key, as are the errors met while it was traced."""

    def __init__(
        self, backend: Transforms, run: Callable[..., list[Any]], slices: Mapping[Hashable, tuple[int, Any]],
        errors: Mapping[Hashable, BaseException],
    ) -> None:
        self.run, self._slices, self.errors = run, slices, errors
        self._unflatten = backend.jax.tree_util.tree_unflatten

    @classmethod
    def made(cls, backend: Transforms, arguments: tuple[Any, ...], work: Callable[..., list[Work]]) -> Part:
        """Traces and compiles `work`. Raises what jax raises."""
        jax = backend.jax
        errors: dict[Hashable, BaseException] = {}
        slices: dict[Hashable, tuple[int, Any]] = {}

        def traced(*arguments: Any) -> list[Any]:
            flat: list[Any] = []
            for key, call in work(*arguments):
                result, error, _ = attempt(call)
                if error is not None:
                    errors[key] = error.with_traceback(None)
                    continue
                leaves, tree = jax.tree_util.tree_flatten(result)
                slices[key] = (len(flat), tree)
                flat.extend(leaves)
            return flat

        return cls(backend, jax.jit(traced).lower(*arguments).compile(), slices, errors)

    @classmethod
    def loaded(cls, backend: Transforms, kept: KeptPart) -> Part:
        """What was kept of a part. Raises what jax raises where it cannot be loaded."""
        from jax.experimental.serialize_executable import deserialize_and_load

        return cls(backend, deserialize_and_load(kept.executable, *kept.trees), kept.slices, kept.errors)

    def kept(self) -> KeptPart:
        """What makes this part again without tracing. Raises what jax raises where it cannot be serialised."""
        from jax.experimental.serialize_executable import serialize

        executable, *trees = serialize(self.run)
        errors = {key: Recalled(*classify(error)) for key, error in self.errors.items()}
        return KeptPart(executable, (trees[0], trees[1]), self._slices, errors)

    def start(self, key: Hashable) -> int:
        """Where the arrays of a key begin in what `run` returns. Raises what was raised while it was traced."""
        if key in self.errors:
            raise self.errors[key]
        return self._slices[key][0]

    def read(self, key: Hashable, flat: list[Any]) -> Any:
        """What the call with this key returned, in its own structure. Raises what was raised while it was traced."""
        start = self.start(key)
        tree = self._slices[key][1]
        return self._unflatten(tree, flat[start : start + tree.num_leaves])


class Program:
    """The compiled program of a task; `observations` runs it at a point."""

    def __init__(self, backend: Transforms, task: Task, function: Function) -> None:
        """Traces and compiles. Raises whatever the framework raises where that is not possible."""
        self.backend, self.task = backend, task
        point = task.points[0]
        leaves = backend.inputs(task, point)
        self.site = Site(task, point, function, leaves, backend.convention, {}, backend.lift)
        self.specs = [(p.shape, str(p.dtype)) for p in point.arrays.values()]
        site = self.site
        self.failure: BaseException | None = None
        shelf = backend.shelf
        name = shelf.name(task, backend.flags()) if shelf else None
        kept = shelf.load(name) if shelf and name else None
        if kept is not None:
            site.output_shapes, site.output_dtypes = list(kept.shapes), list(kept.dtypes)
        else:
            shapes, error, _ = attempt(partial(backend.jax.eval_shape, function, leaves))
            if shapes is None or error is not None:
                self.failure = error or ResultRefused("no value")
                return
            site.output_shapes = [tuple(s.shape) for s in shapes]
            site.output_dtypes = [str(np.dtype(s.dtype)) for s in shapes]
        site.outputs = output_names(task, len(site.output_shapes))
        _, self.failure, _ = attempt(site.need_small)
        if self.failure is not None:
            return
        self.chosen = differentiable_outputs(site)
        convention, second = backend.convention, task.order >= 2
        bases = [
            [(site.output_shapes[o], site.output_dtypes[o], convention.cotangent) for o in self.chosen],
            [(s, d, convention.tangent) for s, d in zip(site.input_shapes, site.input_dtypes, strict=True)],
            [(s, d, convention.cotangent) for s, d in zip(site.input_shapes, site.input_dtypes, strict=True)]
            if second else [],
        ]
        self.columns = [[backend.vectors(key, task.device) for key in keys] for keys in bases]
        self.calls = max((len(column) for group in self.columns for column in group), default=0)
        put = partial(backend.put, device=task.device)
        self.generic = (
            [put(site.generic_cotangent(o)) for o in self.chosen],
            [put(site.generic_tangent(k)) for k in range(len(site.names))],
            [put(site.generic_tangent(k)) for k in range(len(site.names))] if second else [],
        )
        self.arguments = [
            [[column[min(k, len(column) - 1)] if column else spare for column, spare in zip(group, spares, strict=True)]
             for group, spares in zip(self.columns, self.generic, strict=True)]
            for k in range(self.calls)
        ]
        self.apis = [] if task.apis == () else backend.wanted_apis(task)
        self.names: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        if kept is None or not self._take(kept):
            self._make((leaves, *self.generic))
            if shelf and name:
                self._keep(shelf, name)

    def _make(self, arguments: tuple[Any, ...]) -> None:
        """Traces and compiles."""
        if not self.apis or self.calls <= SHARED_CALLS:
            self.lean = self.whole = Part.made(self.backend, arguments, lambda *a: self._lean(*a) + self._natives(*a))
        else:
            self.lean = Part.made(self.backend, arguments, self._lean)
            self.whole = Part.made(self.backend, arguments, self._natives)

    def _take(self, kept: KeptProgram) -> bool:
        """Takes what was kept; False where jax cannot load it."""
        parts, error, _ = attempt(lambda: [Part.loaded(self.backend, part) for part in kept.parts])
        if parts is None or error is not None:
            return False
        self.lean, self.whole = parts[0], parts[-1]
        self.names = {key: list(names) for key, names in kept.names.items()}
        return True

    def _keep(self, shelf: Shelf, name: str) -> None:
        if self.backend.jax.config.jax_compilation_cache_dir:  # what comes out of that cannot be serialised again
            return
        parts = (self.lean,) if self.whole is self.lean else (self.lean, self.whole)
        made, error, _ = attempt(lambda: tuple(part.kept() for part in parts))
        if made is not None and error is None:
            site = self.site
            shelf.store(name, KeptProgram(tuple(site.output_shapes), tuple(site.output_dtypes), self.names, made))

    # -- what is traced --------------------------------------------------------------------------------------------

    def _lean(self, leaves: Any, cotangents: Any, tangents: Any, seconds: Any) -> list[Work]:
        backend, site = self.backend, TracedSite(self.site, leaves)
        count = range(len(site.names))
        work: list[Work] = [("value", partial(site.function, leaves))]
        work += [(("pull", o), partial(backend.pull_one, o, site, c))
                 for o, c in zip(self.chosen, cotangents, strict=True)]
        # one output at a time: one without a forward rule must not hide the others
        work += [(("push", k, o), partial(backend.push_one, k, (o,), site, tangents[k]))
                 for k in count for o in self.chosen]
        if self.task.order >= 2:
            for o in self.chosen:
                if not site.output_complex(o):
                    for k in count:
                        work.append((("column", o, k), partial(backend.gradient_pushed, o, k, site, tangents[k])))
                        work.append((("row", o, k), partial(backend.gradient_pulled, o, k, site, seconds[k])))
                        work.append((("mixed", o, k), partial(backend.pushforward_pulled, o, k, site, tangents[k])))
                        work.append((("nested", o, k), partial(backend.pushforward_pushed, o, k, site, tangents[k])))
        if self.task.order >= 3:
            work += [(("third", o, api, slots), partial(backend.composed_along, o, api, slots, site))
                     for o in self.chosen if not site.output_complex(o)
                     for api in THIRD_ORDER for slots in site.triples()]
        return work

    def _natives(self, leaves: Any, cotangents: Any, tangents: Any, seconds: Any) -> list[Work]:
        backend, site, work = self.backend, TracedSite(self.site, leaves, tangents), list[Work]()
        for api in self.apis:
            if api.name in ("vjp", "jvp"):  # the lean program along the generic vectors
                continue
            for o in self.chosen:
                if not site.too_large(api.kind, o):
                    for number, (names, call) in enumerate(backend.calls(site, api, o)):
                        self.names.setdefault((api.name, o), []).append(names)
                        work.append(((api.name, o, number), call))
        return work

    # -- what is observed ------------------------------------------------------------------------------------------

    def observations(
        self, point: Point, rows: Rows, steady: Steady, compiled: float, left_out: Collection[str] = ()
    ) -> list[Observation]:
        """Every row of one point. Raises what the framework raises when the program runs.

        compiled: seconds spent to compile, charged to the value. left_out: native APIs that have no rows here.
        """
        if self.failure is not None:
            return rows.value_failed(self.task, point.name, self.failure, compiled)
        if [(p.shape, str(p.dtype)) for p in point.arrays.values()] != self.specs:
            raise ValueError("the shapes of the inputs differ from those that the program was compiled for")
        begin = perf_counter()
        leaves = self.backend.inputs(self.task, point)
        results = [self.lean.run(leaves, *arguments) for arguments in self.arguments]
        generic = self.lean.run(leaves, *self.generic) if self.apis or not results else results[0]
        whole = generic if self.whole is self.lean else self.whole.run(leaves, *self.generic)
        values = [self.backend.numpy(value) for value in self.lean.read("value", generic)]
        steady.check(point.name, [str(value.dtype) for value in values])
        seconds = (perf_counter() - begin) / 2
        site = self.site
        found = [rows.ok(point.name, "", "value", "", name, value, (compiled + seconds) / len(values))
                 for name, value in zip(site.outputs, values, strict=True)]
        share = seconds / max(1, 2 * len(site.outputs) * len(site.names))
        found += self._differential(point.name, rows, results, share)
        for api in self.apis:
            if api.name in left_out:
                continue
            for o, output in enumerate(site.outputs):
                if o not in self.chosen:
                    made = attempt(partial(site.need_differentiable, o))
                    found += [row(rows, point.name, api.name, "raw", name, output, made, np.asarray)
                              for name in site.names]
                elif not site.too_large(api.kind, o):
                    found += self._raw(point.name, rows, api, o, generic, whole)
        if self.task.order >= 2:
            found += self._hessian(point.name, rows, results)
        if self.task.order >= 3:
            found += self._third(point.name, rows, generic)
        return found

    def _stacked(self, key: Hashable, slot: int, count: int, results: list[list[Any]]) -> Array:
        """The results of one slot of a key, stacked along the basis."""
        at = self.lean.start(key) + slot
        return np.stack([plain(np.asarray(flat[at])) for flat in results[:count]])

    def _differential(self, point: str, rows: Rows, results: list[list[Any]], share: float) -> list[Observation]:
        site, found = self.site, list[Observation]()
        for api in ("pullback", "pushforward"):
            for o, output in enumerate(site.outputs):
                for k, name in enumerate(site.names):
                    if o not in self.chosen:
                        work: Callable[[], Array] = partial(_declined, site, o)
                    elif api == "pullback":
                        work = partial(self._pulled, o, k, results)
                    else:
                        work = partial(self._pushed, o, k, results)
                    data, error, _ = attempt(work)
                    found.append(row(rows, point, api, "differential", name, output, (data, error, share), _same))
        return found

    def _pulled(self, o: int, k: int, results: list[list[Any]]) -> Array:
        count = len(self.columns[0][self.chosen.index(o)])
        if not count:
            return self.site.pulled_block(k, np.zeros((0, *self.site.input_shapes[k])))
        return self.site.pulled_block(k, self._stacked(("pull", o), k, count, results))

    def _pushed(self, o: int, k: int, results: list[list[Any]]) -> Array:
        count = len(self.columns[1][k])
        if not count:
            return self.site.pushed_block(o, np.zeros((0, *self.site.output_shapes[o])))
        return self.site.pushed_block(o, self._stacked(("push", k, o), 0, count, results))

    def _raw(
        self, point: str, rows: Rows, api: Api, o: int, generic: list[Any], whole: list[Any]
    ) -> list[Observation]:
        site, numpy, output = self.site, self.backend.numpy, self.site.outputs[o]

        def made(part: Part, key: Hashable, flat: list[Any]) -> Made[Any]:
            return attempt(partial(part.read, key, flat))

        if api.name == "vjp":
            pulled = made(self.lean, ("pull", o), generic)
            return [row(rows, point, api.name, "raw", name, output, pulled, partial(pick, k, numpy))
                    for k, name in enumerate(site.names)]
        if api.name == "jvp":
            return [row(rows, point, api.name, "raw", name, output, made(self.lean, ("push", k, o), generic),
                        partial(pick, 0, numpy)) for k, name in enumerate(site.names)]
        found = []
        for number, names in enumerate(self.names[api.name, o]):
            result = made(self.whole, (api.name, o, number), whole)
            if not names:
                found += [
                    row(rows, point, api.name, "raw", pair_name(a, b), output, result, partial(pick2, i, j, numpy))
                    for i, a in enumerate(site.names) for j, b in enumerate(site.names)
                ]
            elif len(names) == 1:
                found.append(row(rows, point, api.name, "raw", names[0], output, result, numpy))
            else:
                found += [row(rows, point, api.name, "raw", name, output, result, partial(pick, i, numpy))
                          for i, name in enumerate(names)]
        return found

    def _hessian(self, point: str, rows: Rows, results: list[list[Any]]) -> list[Observation]:
        site, found = self.site, list[Observation]()
        for api in SECOND_ORDER:
            for o, output in enumerate(site.outputs):
                for r, a in enumerate(site.names):
                    for c, b in enumerate(site.names):
                        made = attempt(partial(self._block, o, r, c, api, results))
                        found.append(row(rows, point, api, "hessian", pair_name(a, b), output, made, _same))
        return found

    def _third(self, point: str, rows: Rows, flat: list[Any]) -> list[Observation]:
        site, found = self.site, list[Observation]()
        for api in THIRD_ORDER:
            for o, output in enumerate(site.outputs):
                for slots in site.triples():
                    made = attempt(partial(self._third_block, o, api, slots, flat))
                    name = triple_name(*(site.names[k] for k in slots))
                    found.append(row(rows, point, api, "third", name, output, made, _same))
        return found

    def _third_block(self, o: int, api: str, slots: tuple[int, int, int], flat: list[Any]) -> Array:
        self.site.need_real_loss(o)
        stacked = self.backend.numpy(self.lean.read(("third", o, api, slots), flat))
        return self.site.third_block(api, slots, stacked)

    def _block(self, o: int, r: int, c: int, api: str, results: list[list[Any]]) -> Array:
        site = self.site
        site.need_real_loss(o)
        # forward: all gradients along input c, of which the one by input r; reverse: the other way round
        key, slot, vectors = {
            "forward-over-reverse": (("column", o, c), r, self.columns[1][c]),
            "reverse-over-forward": (("mixed", o, r), c, self.columns[1][r]),
            "forward-over-forward": (("nested", o, r), c, self.columns[1][r]),
            "reverse-over-reverse": (("row", o, r), c, self.columns[2][r]),
        }[api]
        if not vectors:
            own = (site.input_size(c),) if api == "forward-over-forward" else site.input_shapes[slot]
            return site.hessian_block(r, c, np.zeros((0, *own)), api)
        return site.hessian_block(r, c, self._stacked(key, slot, len(vectors), results), api)


def _declined(site: Site, output: int) -> Array:
    site.need_differentiable(output)
    raise AssertionError("the output is differentiable")


def _same(array: Array) -> Array:
    return array
