"""What every test needs: one thread for each process, as workers have it, since pytest itself runs in several; and
byte code that is kept, since many tests start processes that import a framework."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import hypothesis

from harness.workers.process import SETTINGS

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

# Where Python is told to keep no byte code (as containers do), each process would compile torch, jax and pandas anew:
# it is kept apart from the sources then.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    _owner = os.getuid() if hasattr(os, "getuid") else 0
    _kept = Path(tempfile.gettempdir()) / f"harness-tests-bytecode-{_owner}"
    _kept.mkdir(mode=0o700, exist_ok=True)
    if not hasattr(os, "getuid") or _kept.stat().st_uid == _owner:
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(_kept))
        sys.pycache_prefix, sys.dont_write_bytecode = os.environ["PYTHONPYCACHEPREFIX"], False

#: How long an example takes says nothing of what is tested; on a busy machine it fails for no reason.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")
