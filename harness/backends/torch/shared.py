"""What torch.autograd and torch.func share: the settings that change numbers, and arrays in and out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.backends.base import Device
from harness.backends.loop import PointwiseBackend
from harness.backends.rows import ResultRefused, Rows
from harness.backends.site import Site, input_dtype
from harness.backends.torch.modes import COMPILED, MODES, Compiler, modes_of
from harness.expr.calling import Function, Wrong
from harness.formats import holder
from harness.model import Observation, Point, Task
from harness.wirtinger import TORCH, Array


class TorchBackend(PointwiseBackend):
    """Settings, devices and arrays of torch."""

    family = "torch"
    requires: tuple[str, ...] = ("torch",)  # type: ignore[misc]
    convention = TORCH
    modes = MODES
    device_hints = ("cpu", "xla:0")

    def __init__(self, device: str | None = None) -> None:
        """Imports torch and sets, on purpose, every setting that changes numbers. `device` needs no preparation."""
        import torch

        self.torch = torch
        self.modes = modes_of(torch)  # type: ignore[misc]
        self._compilers: dict[str, Compiler] = {}
        self._xla: Any = None
        if device is not None and device.startswith("xla"):
            import torch_xla.core.xla_model as xla

            self._xla = xla
        torch.set_num_threads(1)
        # as use_deterministic_algorithms(True, warn_only=True), which takes a second to import torch's compiler
        torch.set_deterministic_debug_mode("warn")
        torch.set_default_dtype(torch.float32)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.set_float32_matmul_precision("highest")

    def versions(self) -> Mapping[str, str]:
        return {"torch": str(self.torch.__version__)}

    def flags(self) -> Mapping[str, str]:
        torch = self.torch
        return {
            "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
            "deterministic_algorithms": "warn_only" if torch.are_deterministic_algorithms_enabled() else "off",
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "tf32": "off",
            "threads": str(torch.get_num_threads()),
        }

    def settings(self) -> Mapping[str, Any]:
        torch = self.torch
        device = getattr(torch, "get_default_device", lambda: "cpu")  # since 2.3
        return {
            "torch's default dtype": torch.get_default_dtype(),
            "torch's default device": str(device()),
            "torch's threads": torch.get_num_threads(),
            "torch's gradient mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
            "torch's anomaly mode": torch.is_anomaly_enabled(),
            "torch's deterministic mode": torch.get_deterministic_debug_mode(),
            "torch's matmul precision": torch.get_float32_matmul_precision(),
            "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        }

    def namespaces(self) -> tuple[Any, ...]:
        torch = self.torch
        more = (torch.autograd, torch.autograd.functional, torch.fft, torch.linalg, torch.nn.functional, torch.special)
        return (torch, torch.Tensor, *more, *filter(None, [getattr(torch, "func", None)]))

    def devices(self) -> tuple[Device, ...]:
        torch = self.torch
        found = [Device("cpu", True)]
        if torch.cuda.is_available():
            found += [Device(f"cuda:{k}", True) for k in range(torch.cuda.device_count())]
        else:
            built = torch.version.cuda or getattr(torch.version, "hip", None)
            reason = "no usable GPU is visible" if built else "this build of torch has no CUDA"
            found.append(Device("cuda", False, reason))
        if self._xla is not None:
            found += [Device(name, True) for name in self._xla.get_xla_supported_devices() or ()]
        elif find_spec("torch_xla") is None:
            found.append(Device("xla", False, "torch_xla is not installed"))
        mps = getattr(torch.backends, "mps", None)
        if mps is not None and mps.is_available():
            found.append(Device("mps", True, "single precision only"))
        else:
            found.append(Device("mps", False, "this is not a Mac with a GPU that torch can use"))
        return tuple(found)

    def roots(self) -> Mapping[str, Any]:
        return {"torch": self.torch}

    def as_array(self, value: Any) -> Any:
        return value if isinstance(value, self.torch.Tensor) else None

    # -- modes -----------------------------------------------------------------------------------------------------

    def compiler(self, task: Task) -> Compiler | None:
        """torch.compile as the task's mode asks for it; None in the other modes."""
        if task.mode not in COMPILED:
            return None
        if task.mode not in self._compilers:
            self._compilers[task.mode] = Compiler(self.torch, task.mode)
        return self._compilers[task.mode]

    def compiled(self, task: Task, rows: Rows) -> tuple[Function | None, list[Observation]]:
        compiler = self.compiler(task)
        if compiler is not None:
            compiler.forget()
        return super().compiled(task, rows)

    @property
    def vmap(self) -> Any:
        """`torch.func.vmap`, or that of the functorch package on torch 1.13."""
        if hasattr(self.torch, "func"):
            return self.torch.func.vmap
        import functorch

        return functorch.vmap

    def batched(self, batch: Sequence[Any], count: int, like: Sequence[tuple[tuple[int, ...], str]]) -> list[Array]:
        """Results of a batched call, one a slot with the batch first (None: zero), as NumPy arrays."""
        found = []
        for entry, (shape, dtype) in zip(batch, like, strict=True):
            if entry is None:
                found.append(np.zeros((count, *shape), dtype=holder(dtype)))
            else:
                found.append(self.plain(entry))
        return found

    # -- arrays ----------------------------------------------------------------------------------------------------

    def inputs(self, task: Task, point: Point) -> list[Any]:
        arrays = [point.arrays[i.name] for i in task.inputs]
        return [self.tensor(a, task.device, point.layout, input_dtype(task, a)) for a in arrays]

    def evaluate(self, site: Site) -> tuple[Any, ...]:
        before = [leaf._version for leaf in site.leaves]
        results = site.function(site.leaves)
        for leaf, version, spec in zip(site.leaves, before, site.task.inputs, strict=True):
            if leaf._version != version:
                raise Wrong(f"the function changed its input {spec.name} in place; work on a copy: {spec.name}.clone()")
        return results

    def lift(self, array: Array, dtype: str) -> Any:
        """NumPy lacks bfloat16: a tensor."""
        return self.torch.from_numpy(np.array(array)).to(self.torch.bfloat16) if dtype == "bfloat16" else array

    def plain(self, tensor: Any) -> Array:
        """A tensor as a NumPy array; bfloat16 as float32, exactly. Raises ResultRefused for complex32."""
        tensor = tensor.detach().resolve_conj().resolve_neg().cpu()
        if tensor.dtype == getattr(self.torch, "complex32", None):
            raise ResultRefused("complex32: complex numbers of half precision are an experiment of torch's")
        found: Array = (tensor.float() if tensor.dtype == self.torch.bfloat16 else tensor).numpy()
        return found

    def tensor(self, array: Array, device: str, layout: str = "", dtype: str = "") -> Any:
        """A tensor of its own memory on the device, laid out as the point asks."""
        torch = self.torch
        if layout == "lazy-conj" and np.iscomplexobj(array):
            return torch.from_numpy(np.array(np.conj(array), order="C")).to(device).conj()
        held = self.lift(np.array(array, order="C"), dtype)
        tensor = (held if isinstance(held, torch.Tensor) else torch.from_numpy(held)).to(device)
        return _strided(torch, tensor) if layout == "noncontiguous" and array.ndim else tensor

    def stacked(self, array: Array, device: str) -> tuple[Any, ...]:
        """The rows of what is stacked as tensors on the device."""
        tensor = array if isinstance(array, self.torch.Tensor) else self.torch.from_numpy(array)
        return tuple((tensor if device == "cpu" else tensor.to(device)).unbind(0))

    def vector(self, array: Array, site: Site) -> Any:
        """One cotangent or tangent as a tensor on the task's device."""
        made = array if isinstance(array, self.torch.Tensor) else self.torch.from_numpy(np.array(array, order="C"))
        return made.to(site.task.device)

    def numpy(self, array: Any) -> Array:
        if array is None:
            raise ResultRefused("None: the output does not depend on this input")
        if not isinstance(array, self.torch.Tensor):
            raise Wrong(f"the API returned a {type(array).__name__}, expected a tensor")
        return np.array(self.plain(array))

    def gather(self, rows: Sequence[Sequence[Any]], like: Sequence[tuple[tuple[int, ...], str]]) -> list[Array]:
        """K results per slot as one NumPy array (K, *shape) a slot; None is torch's way to say zero.

        rows: K sequences with one entry per slot. like: shape and dtype (NumPy's word) of each slot's zero.
        """
        torch, found = self.torch, []
        for slot, (shape, dtype) in enumerate(like):
            column = [entry[slot] for entry in rows]
            if any(entry is None for entry in column):
                zero = torch.zeros(shape, dtype=getattr(torch, dtype), device=_device(column))
                column = [zero if entry is None else entry for entry in column]
            if column:
                found.append(self.plain(torch.stack(column)))
            else:
                found.append(np.zeros((0, *shape), dtype=holder(dtype)))
        return found

    def input_like(self, site: Site) -> list[tuple[tuple[int, ...], str]]:
        """Shape and dtype of each differentiated input."""
        return list(zip(site.input_shapes, site.input_dtypes, strict=True))


def _device(column: Sequence[Any]) -> Any:
    return next((entry.device for entry in column if entry is not None), "cpu")


def _strided(torch: Any, tensor: Any) -> Any:
    """The same values as every second entry of a larger buffer, whose gaps hold NaN where the dtype has one."""
    wide = torch.zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]), dtype=tensor.dtype, device=tensor.device)
    if tensor.is_floating_point() or tensor.is_complex():
        wide.fill_(float("nan"))
    view = wide[..., ::2]
    view.copy_(tensor)
    return view
