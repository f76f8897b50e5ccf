"""JAX: `jax.vjp`, `jax.jvp` and what is built on them, jitted (one compilation a task) or operation by operation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from harness.backends.base import DONE, Device, Step
from harness.backends.jax import compilations
from harness.backends.jax.program import Program
from harness.backends.jax.program_cache import Shelf
from harness.backends.jax.transforms import Transforms
from harness.backends.loop import quietly
from harness.backends.rows import Rows
from harness.expr.calling import Function, Steady
from harness.model import Observation, Task

#: Folder of compiled programs kept from run to run; one subfolder a version of jaxlib.
CACHE_VARIABLE = "HARNESS_COMPILATION_CACHE"


class Jax(Transforms):
    """The backend: how jax is set up, what it is, and each task as one compiled program where that can be had."""

    def __init__(self, device: str | None = None) -> None:
        """Imports jax and sets, on purpose, every setting that changes numbers.

        `device`: what will be asked for (default: HARNESS_DEVICE of the environment, else "cpu"); anything but "cpu"
        leaves the choice of platforms to jax.
        """
        device = device or os.environ.get("HARNESS_DEVICE") or "cpu"
        _set_xla_flags(device)
        import jax
        import jax.numpy as jnp

        super().__init__(jax, jnp)
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        if device.startswith("cpu") and not os.environ.get("JAX_PLATFORMS"):
            jax.config.update("jax_platforms", "cpu")
        self.shelf = self._shelf(device)
        self._prepared: dict[Any, Future[Program]] = {}
        self._pool: ThreadPoolExecutor | None = None

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
            compilations.keep(self.jax, place.parent, f"{place.name}/compilations")
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

    def settings(self) -> Mapping[str, Any]:
        return {f"jax's {name}": value for name, value in self.jax.config.values.items()}

    def namespaces(self) -> tuple[Any, ...]:
        jax = self.jax
        return jax, jax.numpy, jax.numpy.fft, jax.numpy.linalg, jax.lax, jax.nn, jax.scipy.special

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
