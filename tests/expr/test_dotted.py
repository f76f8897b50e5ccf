"""`linalg.norm` and the like, as the array API and NumPy have them, in portable texts."""

from __future__ import annotations

import numpy as np
import pytest

from harness.expr import compile_portable
from harness.model import CaseError


@pytest.mark.parametrize("text", ["linalg.f(x)", "fft.f(x)", "special.f(x)", "nn.f(x)"])
def test_an_unknown_name_in_a_namespace_is_refused(text: str) -> None:
    with pytest.raises(CaseError):
        compile_portable(text, ("x",), {})


def test_a_dotted_name_is_the_name_itself() -> None:
    call = compile_portable("linalg.norm(x) + special.erf(x)", ("x",), {"norm": np.linalg.norm, "erf": np.sign})
    assert call(np.array([3.0, 4.0])).tolist() == [6.0, 6.0]
