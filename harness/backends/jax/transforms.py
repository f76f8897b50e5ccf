"""The transforms of JAX over a site: pullbacks, pushforwards, the native APIs as users write them, second order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from harness.backends.jax.program_cache import Shelf
from harness.backends.jax.sweep import JaxSweep
from harness.backends.loop import Call, PointwiseBackend
from harness.backends.rows import ResultRefused
from harness.backends.site import Site, basis_array, input_dtype
from harness.backends.third import composed, directions
from harness.expr.calling import Wrong
from harness.formats import holder
from harness.model import Point, Task
from harness.wirtinger import JAX, Api, Array

HOLOMORPHIC = "[holomorphic]"


def plain(array: Array) -> Array:
    """An array of a dtype that NumPy has: bfloat16 as float32, exactly."""
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


class TracedSite(Site):
    """A site over other leaves (tracers), with everything known of the original."""

    def __init__(self, site: Site, leaves: Sequence[Any], tangents: Sequence[Any] | None = None) -> None:
        self.__dict__.update(site.__dict__)
        self.leaves = list(leaves)
        self._tangents = tangents

    def generic_tangent(self, number: int) -> Any:
        """The tangent that the program is called with, so that XLA sees one computation where two APIs share it."""
        return super().generic_tangent(number) if self._tangents is None else self._tangents[number]


def differentiable_outputs(site: Site) -> tuple[int, ...]:
    """Positions of the outputs that are not integer or boolean."""
    return tuple(o for o in range(len(site.outputs)) if site.differentiable(o))


class Transforms(PointwiseBackend):
    """Pullbacks by `jax.vjp`, pushforwards by `jax.jvp`; how jax is set up is a subclass's matter.

    shelf: where whole programs are kept, if anywhere.
    """

    name = "jax"
    family = "jax"
    requires = ("jax", "jaxlib")
    convention = JAX
    modes = ("jit", "eager", "checkpoint", "x64-off")
    default_mode = "jit"
    device_hints = ("cpu", "gpu")
    apis = (
        Api("grad", "gradient", "gradient", -1),
        Api("grad[holomorphic]", "gradient[holomorphic]", "gradient", -1),
        Api("vjp", "vjp", "pullback", -1),
        Api("jvp", "jvp", "pushforward"),
        Api("linearize", "linearize", "pushforward"),
        Api("jacrev", "jacobian-reverse", "jacobian-reverse", -1),
        Api("jacrev[holomorphic]", "jacobian-reverse[holomorphic]", "jacobian-reverse", -1),
        Api("jacfwd", "jacobian-forward", "jacobian-forward"),
        Api("jacfwd[holomorphic]", "jacobian-forward[holomorphic]", "jacobian-forward"),
        Api("vmap(grad)", "vmap(grad)", "batched-gradient", -1),
        Api("hessian", "hessian", "hessian"),
        Api("hessian[holomorphic]", "hessian[holomorphic]", "hessian"),
    )

    shelf: Shelf | None = None

    def __init__(self, jax: Any, jnp: Any) -> None:
        """jax, jnp: the modules, imported and configured."""
        self.jax, self.jnp = jax, jnp
        self._devices: dict[str, Any] = {}
        self._vectors = lru_cache(maxsize=256)(self._make_vectors)

    def roots(self) -> Mapping[str, Any]:
        return {"jax": self.jax, "jnp": self.jnp}

    def sweep(
        self, call: Callable[..., Any], points: Array, dtype: str = ""
    ) -> Mapping[str, Callable[[], Array]]:
        """See `Backend.sweep`."""
        return JaxSweep(self, call, points, dtype).parts()

    # -- arrays ----------------------------------------------------------------------------------------------------

    def as_array(self, value: Any) -> Any:
        if isinstance(value, self.jax.Array):
            return value
        if isinstance(value, np.ndarray | np.generic | int | float | complex):
            return self.jnp.asarray(value)
        return None

    def inputs(self, task: Task, point: Point) -> list[Any]:
        """Layouts have no counterpart here: jax owns the memory of its arrays."""
        arrays = [np.array(point.arrays[i.name]) for i in task.inputs]
        leaves = [self.lift(a, input_dtype(task, a)) for a in arrays]
        moved: list[Any] = self.jax.device_put(leaves, self.device(task.device))
        return moved

    def lift(self, array: Array, dtype: str) -> Any:
        """NumPy's array of the dtype that jax registers with it where it has none of its own."""
        return array.astype(self.jnp.bfloat16) if dtype == "bfloat16" else array

    def put(self, array: Array, device: str) -> Any:
        """A jax array on the named device ("cpu", "gpu", "gpu:1")."""
        return self.jax.device_put(array, self.device(device))

    def device(self, name: str) -> Any:
        """The jax device called `name`."""
        if name not in self._devices:
            platform, _, number = name.partition(":")
            self._devices[name] = self.jax.devices(platform)[int(number or 0)]
        return self._devices[name]

    def numpy(self, array: Any) -> Array:
        if not isinstance(array, self.jax.Array):
            dtype = getattr(array, "dtype", None)
            if dtype is not None and dtype == self.jax.dtypes.float0:
                raise ResultRefused("float0: what was differentiated is an integer or a boolean")
            raise Wrong(f"the API returned a {type(array).__name__}, expected an array")
        return plain(np.asarray(array))

    def vectors(self, stacked_key: tuple[tuple[int, ...], str, int], device: str) -> list[Any]:
        """A basis (shape, dtype, imaginary sign) as jax arrays; kept, since moving them costs as much as a call."""
        found: list[Any] = self._vectors(stacked_key, device)
        return found

    def _make_vectors(self, key: tuple[tuple[int, ...], str, int], device: str) -> list[Any]:
        return [self.put(self.lift(row, key[1]), device) for row in basis_array(*key)]

    # -- the differential, eager or each API jitted by itself --------------------------------------------------------

    def run(self, site: Site, key: Any, function: Callable[..., Any], *extra: Any) -> Any:
        """function(site over these leaves, *extra): as it is in eager mode, else jitted and kept for the task."""
        if site.task.mode == "eager":
            return function(site, *extra)
        if key not in site.shared:
            site.shared[key] = self.jax.jit(lambda leaves, *more: function(TracedSite(site, leaves), *more))
        return site.shared[key](site.leaves, *extra)

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        if site.task.mode == "eager":
            _, back = self.jax.vjp(site.output(output), *site.moving)
            rows = [back(self.put(c, site.task.device)) for c in cotangents]
        else:
            work = partial(self.pull_one, output)
            rows = [self.run(site, ("pullback", output), work, self.put(c, site.task.device)) for c in cotangents]
        return self.gather(rows, site.input_shapes, site.input_dtypes)

    def pull_one(self, output: int, site: Site, cotangent: Any) -> Any:
        """The pullback of one output along one cotangent: one array per differentiated input."""
        return self.jax.vjp(site.output(output), *site.moving)[1](cotangent)

    def push(self, site: Site, number: int, tangents: Array) -> list[Array]:
        work = partial(self.push_one, number, differentiable_outputs(site))
        rows = [
            self.run(site, ("pushforward", number), work, self.put(t, site.task.device)) for t in tangents
        ]
        chosen = differentiable_outputs(site)
        shapes, dtypes = [site.output_shapes[o] for o in chosen], [site.output_dtypes[o] for o in chosen]
        stacked = iter(self.gather(rows, shapes, dtypes))
        return [next(stacked) if o in chosen else np.zeros(0) for o in range(len(site.outputs))]

    def push_one(self, number: int, outputs: tuple[int, ...], site: Site, tangent: Any) -> Any:
        """The pushforward of the given outputs along one tangent of one differentiated input."""
        f = site.along(number)

        def chosen(x: Any) -> tuple[Any, ...]:
            found = f(x)
            return tuple(found[o] for o in outputs)

        return self.jax.jvp(chosen, (site.moving[number],), (tangent,))[1]

    def gather(self, rows: list[Any], shapes: list[tuple[int, ...]], dtypes: list[str]) -> list[Array]:
        """K results per slot as one NumPy array (K, *shape) a slot."""
        if not rows:
            return [np.zeros((0, *shape), dtype=holder(dtype)) for shape, dtype in zip(shapes, dtypes, strict=True)]
        return [np.stack([self.numpy(entry[slot]) for entry in rows]) for slot in range(len(shapes))]

    # -- native APIs -----------------------------------------------------------------------------------------------

    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        for number, (names, _) in enumerate(self.calls(site, api, output)):
            yield names, partial(self.run, site, (api.name, output, number), partial(self.call, api, output, number))

    def call(self, api: Api, output: int, number: int, site: Site) -> Any:
        """Makes the call with this number."""
        return list(self.calls(site, api, output))[number][1]()

    def calls(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        """The calls of one API as users write them, nothing jitted."""
        jax, names, inputs = self.jax, tuple(site.names), site.moving
        f, loss = site.output(output), site.loss(output)
        numbers: Any = 0 if len(names) == 1 else tuple(range(len(names)))
        name = api.name.removesuffix(HOLOMORPHIC)
        how = {"argnums": numbers, **({"holomorphic": True} if name != api.name else {})}
        if name == "grad":
            yield names, lambda: jax.grad(loss, **how)(*inputs)
        elif name == "vmap(grad)":
            yield names, lambda: jax.vmap(jax.grad(loss, **how))(*[self.jnp.stack([x, x]) for x in inputs])
        elif name == "vjp":
            cotangent = site.generic_cotangent(output)
            yield names, lambda: _one_or_all(jax.vjp(f, *inputs)[1](self.jnp.asarray(cotangent)))
        elif name in ("jvp", "linearize"):
            work = self.jvp if name == "jvp" else self.linearize
            for k, x in enumerate(inputs):
                tangent = self.jnp.asarray(site.generic_tangent(k))
                yield (names[k],), partial(work, site.output_along(k, output), x, tangent)
        elif name == "hessian":
            yield (names if len(names) == 1 else ()), lambda: jax.hessian(loss, **how)(*inputs)
        else:
            transform = jax.jacrev if name == "jacrev" else jax.jacfwd
            yield names, lambda: transform(f, **how)(*inputs)

    def jvp(self, f: Callable[[Any], Any], x: Any, tangent: Any) -> Any:
        """`jax.jvp` along one input."""
        return self.jax.jvp(f, (x,), (tangent,))[1]

    def linearize(self, f: Callable[[Any], Any], x: Any, tangent: Any) -> Any:
        """`jax.linearize` along one input."""
        return self.jax.linearize(f, x)[1](tangent)

    # -- second order ----------------------------------------------------------------------------------------------

    def hessian_columns(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        work = partial(self.gradient_pushed, output, number)
        rows = [self.run(site, ("column", output, number), work, self.put(t, site.task.device)) for t in tangents]
        return self.gather(rows, site.input_shapes, site.input_dtypes)

    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        work = partial(self.gradient_pulled, output, number)
        rows = [self.run(site, ("row", output, number), work, self.put(c, site.task.device)) for c in cotangents]
        return self.gather(rows, site.input_shapes, site.input_dtypes)

    def gradient_pushed(self, output: int, number: int, site: Site, tangent: Any) -> Any:
        """The gradient by every input, pushed along one tangent of input `number`."""
        gradient = self.jax.grad(site.loss(output), tuple(range(len(site.names))))
        inputs = site.moving

        def along(x: Any) -> Any:
            return gradient(*inputs[:number], x, *inputs[number + 1 :])

        return self.jax.jvp(along, (inputs[number],), (tangent,))[1]

    def gradient_pulled(self, output: int, number: int, site: Site, cotangent: Any) -> Any:
        """The gradient by input `number`, pulled back along one cotangent to every input."""
        gradient = self.jax.grad(site.loss(output), number)
        return self.jax.vjp(gradient, *site.moving)[1](cotangent)

    def hessian_mixed(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        work = partial(self.pushforward_pulled, output, number)
        rows = [self.run(site, ("mixed", output, number), work, self.put(t, site.task.device)) for t in tangents]
        return self.gather(rows, site.input_shapes, site.input_dtypes)

    def pushforward_pulled(self, output: int, number: int, site: Site, tangent: Any) -> Any:
        """The gradient by every input of the loss pushed along one tangent of input `number`."""
        loss = site.loss(output)

        def pushed(*inputs: Any) -> Any:
            def along(x: Any) -> Any:
                return loss(*inputs[:number], x, *inputs[number + 1 :])

            return self.jax.jvp(along, (inputs[number],), (tangent,))[1]

        return self.jax.grad(pushed, tuple(range(len(site.names))))(*site.moving)

    def hessian_nested(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        work = partial(self.pushforward_pushed, output, number)
        rows = [self.run(site, ("nested", output, number), work, self.put(t, site.task.device)) for t in tangents]
        sizes = [site.input_size(k) for k in range(len(site.names))]
        return self.gather(rows, [(size,) for size in sizes], [site.output_dtypes[output]] * len(sizes))

    def pushforward_pushed(self, output: int, number: int, site: Site, tangent: Any) -> Any:
        """The loss pushed along one tangent of input `number`, pushed along each basis vector of every input: one array
        (real size,) per input. The vectors are looped over, not mapped over, so that no operation is batched."""
        loss, inputs, found = site.loss(output), site.moving, []
        for k, x in enumerate(inputs):
            def nested(t: Any, k: int = k, x: Any = x) -> Any:
                def pushed(y: Any) -> Any:
                    point = [*inputs[:k], y, *inputs[k + 1 :]]
                    return self.jax.jvp(lambda z: loss(*point[:number], z, *point[number + 1 :]),
                                        (point[number],), (tangent,))[1]

                return self.jax.jvp(pushed, (x,), (t,))[1]

            basis = site.input_tangents(k)
            if site.task.mode == "eager":
                device = site.task.device
                found.append(self.jnp.stack([nested(self.put(t, device)) for t in basis])
                             if len(basis) else self.jnp.zeros(0))
            else:
                found.append(self.jax.lax.map(nested, self.jnp.asarray(basis)))
        return tuple(found)

    # -- third order -----------------------------------------------------------------------------------------------

    def third_along(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        work = partial(self.composed_along, output, api, slots)
        return self.numpy(self.run(site, ("third", output, api, slots), work))

    def composed_along(self, output: int, api: str, slots: tuple[int, int, int], site: Site) -> Any:
        """The third derivative along every combination of vectors, looped over and not mapped over."""
        vectors = directions(site, api, slots)

        def along(given: tuple[Any, ...]) -> Any:
            return composed(_Calculus(self.jax, len(site.names)), site.loss(output), api, slots, given)(*site.moving)

        if site.task.mode == "eager":
            device = site.task.device
            return self.jnp.stack([along(tuple(self.put(v, device) for v in given))
                                   for given in zip(*vectors, strict=True)])
        return self.jax.lax.map(along, tuple(self.jnp.asarray(v) for v in vectors))


class _Calculus:
    """jax's transforms, as `harness.backends.third` composes them."""

    def __init__(self, jax: Any, count: int) -> None:
        self.jax, self.numbers = jax, tuple(range(count))

    def gradient(self, f: Callable[..., Any]) -> Callable[..., Any]:
        found: Callable[..., Any] = self.jax.grad(f, self.numbers)
        return found

    def pulled(self, f: Callable[..., Any], slot: int, cotangent: Any) -> Callable[..., Any]:
        return lambda *x: self.jax.vjp(lambda *y: f(*y)[slot], *x)[1](cotangent)

    def pushed(self, f: Callable[..., Any], slot: int, tangent: Any) -> Callable[..., Any]:
        return lambda *x: self.jax.jvp(lambda y: f(*x[:slot], y, *x[slot + 1 :]), (x[slot],), (tangent,))[1]


def _one_or_all(found: tuple[Any, ...]) -> Any:
    return found[0] if len(found) == 1 else found
