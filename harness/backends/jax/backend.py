"""JAX: `jax.vjp`, `jax.jvp` and what is built on them, jitted (one compilation a task) or operation by operation."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import DONE, Device, Step
from harness.backends.jax.program import Program, TracedSite, differentiable_outputs
from harness.backends.jax.program_cache import Shelf
from harness.backends.loop import Call, PointwiseBackend, quietly
from harness.backends.rows import Refused, Rows, Wrong
from harness.backends.site import Site, basis_array
from harness.expr.calling import Function, Steady
from harness.model import Observation, Point, Task
from harness.wirtinger import JAX, Api, Array

HOLOMORPHIC = "[holomorphic]"

#: Folder of compiled programs kept from run to run; one subfolder a version of jaxlib.
CACHE_VARIABLE = "HARNESS_COMPILATION_CACHE"


class Jax(PointwiseBackend):
    """Pullbacks by `jax.vjp`, pushforwards by `jax.jvp`."""

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

    def __init__(self, device: str | None = None) -> None:
        """Imports jax and sets, on purpose, every setting that changes numbers.

        `device`: what will be asked for (default: HARNESS_DEVICE of the environment, else "cpu"); anything but "cpu"
        leaves the choice of platforms to jax.
        """
        device = device or os.environ.get("HARNESS_DEVICE") or "cpu"
        _set_xla_flags(device)
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        if device.startswith("cpu") and not os.environ.get("JAX_PLATFORMS"):
            jax.config.update("jax_platforms", "cpu")
        self.shelf = self._shelf(device)
        self._prepared: dict[Any, Future[Program]] = {}
        self._devices: dict[str, Any] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._vectors = lru_cache(maxsize=256)(self._make_vectors)

    def _shelf(self, device: str) -> Shelf | None:
        """Whole programs kept from run to run, in the folder that the environment names; else jax's own cache.

        A shelf is for this class alone, on the first processor: a key cannot tell what a subclass does. jax's cache is
        then left off, since an executable that came out of it cannot be serialised again (jax 0.10.2 writes it without
        its machine code, and the call fails with "Function ... not found").
        """
        folder = os.environ.get(CACHE_VARIABLE)
        if not folder:
            return None
        import jaxlib

        place = Path(folder) / f"jax-{self.jax.__version__}-{jaxlib.__version__}"
        old = self.jax.__version_info__ < (0, 4, 25)  # cannot serialise for the CPU
        if type(self) is not Jax or device != "cpu" or old:
            _use_compilation_cache(self.jax, place)
            return None
        self.jax.config.update("jax_compilation_cache_dir", None)
        from jax.experimental.compilation_cache import compilation_cache

        compilation_cache.reset_cache()  # jax remembers from its first compilation whether there was a cache
        # LAPACK's functions are found when the first call of one is lowered; a kept program lowers nothing
        self.jax.jit(self.jnp.linalg.cholesky).lower(self.jax.ShapeDtypeStruct((1, 1), "float32"))
        return Shelf(place / "programs")

    # -- what it is ------------------------------------------------------------------------------------------------

    def versions(self) -> Mapping[str, str]:
        import jaxlib

        return {"jax": str(self.jax.__version__), "jaxlib": str(jaxlib.__version__)}

    def flags(self) -> Mapping[str, str]:
        config = self.jax.config
        return {
            "x64": "on" if config.jax_enable_x64 else "off",
            "matmul_precision": str(config.jax_default_matmul_precision),
            "platforms": str(config.jax_platforms or os.environ.get("JAX_PLATFORMS", "")),
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        }

    def devices(self) -> tuple[Device, ...]:
        hosts = self.jax.devices("cpu")
        found = [Device("cpu", True), *(Device(f"cpu:{k}", True) for k in range(len(hosts)))]
        if len(hosts) == 1:
            found.append(Device("cpu:1", True, "a second host device, made when it is asked for (and cpu:2, ...)"))
        others = [device for device in self.jax.devices() if device.platform != "cpu"]
        found += [Device(f"{device.platform}:{device.id}", True) for device in others]
        for platform in ("gpu", "tpu"):
            if not any(device.platform == platform for device in others):
                found.append(Device(platform, False, f"jax sees no {platform.upper()} here"))
        return tuple(found)

    def roots(self) -> Mapping[str, Any]:
        return {"jax": self.jax, "jnp": self.jnp}

    # -- arrays ----------------------------------------------------------------------------------------------------

    def as_array(self, value: Any) -> Any:
        if isinstance(value, self.jax.Array):
            return value
        if isinstance(value, np.ndarray | np.generic | int | float | complex):
            return self.jnp.asarray(value)
        return None

    def inputs(self, task: Task, point: Point) -> list[Any]:
        """Layouts have no counterpart here: jax owns the memory of its arrays."""
        leaves = [np.array(point.arrays[i.name]) for i in task.inputs]
        moved: list[Any] = self.jax.device_put(leaves, self.device(task.device))
        return moved

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
                raise Refused("float0: what was differentiated is an integer or a boolean")
            raise Wrong(f"the API returned a {type(array).__name__}, expected an array")
        return np.asarray(array)

    def vectors(self, stacked_key: tuple[tuple[int, ...], str, int], device: str) -> list[Any]:
        """A basis (shape, dtype, imaginary sign) as jax arrays; kept, since moving them costs as much as a call."""
        found: list[Any] = self._vectors(stacked_key, device)
        return found

    def _make_vectors(self, key: tuple[tuple[int, ...], str, int], device: str) -> list[Any]:
        return [self.put(row, device) for row in basis_array(*key)]

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
            return [np.zeros((0, *shape), dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
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

    # -- modes -----------------------------------------------------------------------------------------------------

    def compiled(self, task: Task, rows: Rows) -> tuple[Function | None, list[Observation]]:
        """In the mode "checkpoint" reverse mode recomputes the function (`jax.checkpoint`) rather than storing it."""
        function, failure = super().compiled(task, rows)
        if function is not None and task.mode == "checkpoint":
            function.wrap(self.jax.checkpoint)
        return function, failure

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        """In the mode "x64-off" jax is as it comes: what is put in as double becomes single without an error."""
        if task.mode != "x64-off":
            yield from self.observed(task)
            return
        self._vectors.cache_clear()
        self.jax.config.update("jax_enable_x64", False)
        try:
            yield from self.observed(task)
        finally:
            self.jax.config.update("jax_enable_x64", True)
            self._vectors.cache_clear()

    # -- jitted: one compilation a task ----------------------------------------------------------------------------

    def observed(self, task: Task) -> Iterator[Observation | Step]:
        """Every row of a task under the present settings."""
        rows = Rows(task)
        pending = self._prepared.pop(task.key, None)
        function, failure = self.compiled(task, rows)
        if function is None:
            yield from failure
            return
        if task.mode == "eager" or ("*", "compile") in task.skip or not task.points:
            yield from self.pointwise(task, function, rows)
            return
        yield Step("*", "compile")
        program, error, seconds = quietly(pending.result if pending else partial(Program, self, task, function))
        if program is None:
            # one API that cannot be traced or compiled costs the others nothing: each by itself
            del error
            yield from self.pointwise(task, function, rows)
            return
        steady = Steady(task)
        for point in task.points:
            left_out = {api for name, api in task.skip if name == point.name}
            if left_out - {api.name for api in self.apis}:
                yield from self.pointwise(task, function, rows, (point,))
                continue
            yield Step(point.name, "*")
            found, error, _ = quietly(partial(program.observations, point, rows, steady, seconds, left_out))
            seconds = 0.0
            if found is None or error is not None:
                yield from self.pointwise(task, function, rows, (point,))
            else:
                yield from found
                yield from self.estimates(task, point, function, rows)
                yield Step(point.name, DONE)

    def prepare(self, task: Task) -> None:
        """Starts to trace and compile a task in a second thread, while another task is being observed.

        A process that dies meanwhile cannot say which of the two killed it: for callers who need not know.
        """
        if task.mode in ("eager", "x64-off") or not task.points or task.key in self._prepared:
            return
        function, _ = self.compiled(task, Rows(task))
        if function is not None:
            self._pool = self._pool or ThreadPoolExecutor(1, "compile")
            self._prepared[task.key] = self._pool.submit(Program, self, task, function)


def _one_or_all(found: tuple[Any, ...]) -> Any:
    return found[0] if len(found) == 1 else found


def _set_xla_flags(device: str) -> None:
    """One thread per operation on the CPU and deterministic operations on a GPU; read by XLA when it starts."""
    if "jax" in sys.modules:
        return
    wanted = ["--xla_cpu_multi_thread_eigen=false"]
    host = device.partition(":")[2] if device.startswith("cpu:") else ""
    if host.isdigit() and int(host) > 0:
        wanted.append(f"--xla_force_host_platform_device_count={int(host) + 1}")
    if not device.startswith("cpu"):
        wanted.append("--xla_gpu_deterministic_ops=true")
    have = os.environ.get("XLA_FLAGS", "").split()
    names = {flag.partition("=")[0] for flag in have}
    os.environ["XLA_FLAGS"] = " ".join(have + [flag for flag in wanted if flag.partition("=")[0] not in names])


def _use_compilation_cache(jax: Any, place: Path) -> None:
    """jax's own cache of compilations, whatever their size and compile time."""
    if not hasattr(jax.config, "jax_compilation_cache_dir"):  # jax 0.4.20, which cannot keep what it compiles for a CPU
        return
    place.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
