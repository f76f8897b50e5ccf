"""Pairs of published packages (`nox -s pairs` installs them); what cannot be had is skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    """Models are made in double precision on both sides, alike each time."""
    import jax
    import numpy as np
    import torch

    before = torch.get_default_dtype(), jax.config.jax_enable_x64
    torch.set_default_dtype(torch.float64)
    jax.config.update("jax_enable_x64", True)
    torch.manual_seed(0)
    np.random.seed(0)
    yield
    torch.set_default_dtype(before[0])
    jax.config.update("jax_enable_x64", before[1])
