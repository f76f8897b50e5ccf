"""Portable names under which each framework documents a function of its own.

`gelu(x)` is exact in torch and the tanh approximation in jax; the median of an even number of entries is the lower of
the two in the middle in torch and their mean in jax. Neither is wrong: each side answers for the function that its own
documentation names (torch.nn.functional.gelu, torch.median; jax.nn.gelu, jax.numpy.median).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.reference.ball_arrays import Array
from harness.reference.networks import gelu
from harness.reference.reductions import lower_median, lower_nanmedian


def _gelu_by_tanh(x: Any, approximate: str = "tanh") -> Array:
    return gelu(x, approximate)


#: family -> portable name -> its own function, where that is not the reference's.
_OWN: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "jax": {"gelu": _gelu_by_tanh},
    "torch": {"median": lower_median, "nanmedian": lower_nanmedian},
}
#: What there is to say of each of these names.
TOLD: Mapping[str, str] = {
    "gelu": 'gelu(x) is gelu(x, "none") in torch and gelu(x, "tanh") in jax',
    "median": "of an even number of entries torch's median is the lower middle one, jax's the mean of two",
    "nanmedian": "of an even number of entries torch's nanmedian is the lower middle one, jax's the mean of two",
}


def dialect(family: str) -> Mapping[str, Callable[..., Any]]:
    """Portable name -> the function that a family documents under it, where that is not the reference's."""
    return _OWN.get(family, {})
