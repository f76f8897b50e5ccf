"""The backends with TF32 switched on, as a user who wants speed has them; they say so among their flags.

Named as the backends they are, so that a run of theirs is compared along the device axis with one on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.backends.jax.backend import Jax
from harness.backends.torch.autograd import TorchAutograd
from harness.backends.torch.func import TorchFunc
from harness.backends.torch.shared import TorchBackend


class _TF32(TorchBackend):
    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        self.torch.backends.cuda.matmul.allow_tf32 = True
        self.torch.backends.cudnn.allow_tf32 = True

    def flags(self) -> Mapping[str, str]:
        return {**super().flags(), "tf32": "on" if self.torch.backends.cuda.matmul.allow_tf32 else "off"}


class Autograd(_TF32, TorchAutograd):
    """torch.autograd with TF32."""


class Func(_TF32, TorchFunc):
    """torch.func with TF32."""


class JaxTF32(Jax):
    """jax with TF32."""

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        self.jax.config.update("jax_default_matmul_precision", "tensorfloat32")


SPECS = {
    "torch": tuple(f"{__name__}:{cls.__name__}" for cls in (Autograd, Func)), "jax": (f"{__name__}:JaxTF32",),
}
