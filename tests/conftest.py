"""What every test needs: one thread for each process, as workers have it, since pytest itself runs in several; and
byte code and compiled programs that are kept, since many tests start processes that import a framework."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

from harness.workers.process import SETTINGS

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)



def _kept(name: str) -> Path | None:
    """A folder below the temporary one that is this user's alone, kept from session to session."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"harness-tests-{name}-{owner}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if not hasattr(os, "getuid") or folder.stat().st_uid == owner else None


# Where Python is told to keep no byte code (as containers do), each process would compile torch, jax and pandas anew:
# it is kept apart from the sources then.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and (_folder := _kept("bytecode")) is not None:
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(_folder))
    sys.pycache_prefix, sys.dont_write_bytecode = os.environ["PYTHONPYCACHEPREFIX"], False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What XLA compiles in this process is kept by jax: two processes share it, and most audits differ in numbers.

    A program is found again by its whole text, the options and the version of XLA. Nothing of it stands in the
    environment, which workers inherit and record. Tests of what is kept turn it off, as the product does.
    """
    jax = sys.modules.get("jax")
    if jax is None or not hasattr(jax, "config") or jax.config.jax_compilation_cache_dir:
        return
    if (folder := _kept("programs")) is not None:
        from jax.experimental.compilation_cache import compilation_cache

        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        compilation_cache.reset_cache()  # jax remembers from its first compilation whether there was a cache


#: How long an example takes says nothing of what is tested; on a busy machine it fails for no reason.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")
