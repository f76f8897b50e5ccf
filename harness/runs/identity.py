"""What a worker is, to the last file: the part of a key that makes a stale observation impossible to reuse.

Versions alone do not say what computes: a framework may be an edited checkout, a processor another one, a driver newer.
Worker side: standard library and NumPy only, Python 3.10.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import glob
from importlib.util import find_spec
from pathlib import Path

#: Parts of this package that only read what was observed; every other file of it counts, read in full.
READERS = (
    "atlas", "audit", "cli", "comparison", "convention", "coverage", "findings", "history", "pointwise", "recorded",
    "report", "repro", "testing", "__pycache__",
)

#: What the kernel tells about accelerators and their drivers.
_DRIVERS = (
    "/proc/driver/nvidia/version", "/proc/driver/nvidia/gpus/*/information", "/sys/module/amdgpu/version",
    "/sys/class/kfd/kfd/topology/nodes/*/name",
)

#: Packages in which others compute: jaxlib calls SciPy's LAPACK, mpmath gmpy2's integers, torch.compile makes kernels.
_COMPANIONS = (
    "numpy", "scipy", "jaxlib", "mpmath", "flint", "gmpy2", "functorch", "triton", "torch_xla", "nvidia",
    "jax_plugins", "jax_cuda12_plugin", "jax_cuda13_plugin", "libtpu",
)
_COMPILERS = ("cc", "gcc", "g++", "clang", "clang++", "ld")
_LIBM = ("/lib*/*/libm.so.*", "/lib*/libm.so.*", "/usr/lib*/libm.so.*", "/usr/lib*/*/libm.so.*")

#: Environment variables that no computation depends on. Every other one counts: a needless new observation is cheap.
_HARMLESS = re.compile(
    r"_|PWD|OLDPWD|SHLVL|HOME|USER|LOGNAME|USERNAME|MAIL|SHELL|TERM.*|COLORTERM|COLUMNS|LINES|LS_COLORS|PS\d|EDITOR|"
    r"VISUAL|PAGER|LESS.*|LANG|LANGUAGE|LC_.*|TZ|HOSTNAME|DISPLAY|SSH_.*|XDG_.*|DBUS_.*|TMUX.*|STY|WINDOW|TMPDIR|"
    r"PATH|VIRTUAL_ENV.*|PYTEST_.*|NOX_.*|HARNESS_CACHE|HARNESS_COMPILATION_CACHE|HARNESS_WORKER|RAY_.*|"
    r"PYTHONDONTWRITEBYTECODE|INVOCATION_ID|JOURNAL_STREAM|SUDO_.*|HISTFILE|HISTSIZE|NO_COLOR|FORCE_COLOR"
)


def identity(spec: str, module: str, requires: Iterable[str], device: str) -> str:
    """SHA-256 (hex) of everything that computes here; empty where that cannot be said, and nothing may be reused.

    spec: how the backend was named. module: the module of its class. requires: packages that it computes with.
    device: in the framework's own words. Empty for a backend that is not part of this package (what it is made from is
    not known) and for an accelerator of which the kernel tells nothing.
    """
    if module.partition(".")[0] != "harness":
        return ""
    drivers = list(_texts(_DRIVERS))
    if device.partition(":")[0] != "cpu" and not drivers:
        return ""
    total = hashlib.sha256()
    parts = [spec, module, device, sys.version, sys.platform, platform.machine(), platform.release(), processor()]
    parts += [f"{name}={value}" for name, value in sorted(os.environ.items()) if not _HARMLESS.fullmatch(name)]
    parts += [" ".join(platform.libc_ver()), *_stamps(p for pattern in _LIBM for p in glob(pattern))]
    parts += _stamps(found for name in _COMPILERS if (found := shutil.which(name)))
    parts += drivers
    parts += own_files(Path(__file__).resolve().parent.parent)
    for package in sorted({*_COMPANIONS, *requires}):
        parts += installed_files(package)
    for part in parts:
        total.update(f"{len(part)}:{part}".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def own_files(home: Path) -> Iterator[str]:
    """Name and digest of each file of this package that a worker may load."""
    for path, folders, names in os.walk(home):
        if Path(path) == home:
            folders[:] = [f for f in folders if f not in READERS]
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(names):
            file = Path(path, name)
            yield f"{file.relative_to(home)} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def installed_files(package: str) -> Iterator[str]:
    """Name, size and time of change of every file of code of an installed package, where it is installed."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    folders = list(spec.submodule_search_locations or ())
    if not folders and spec.origin:
        yield from _stamps([spec.origin])
    for folder in folders:
        for root in (folder, f"{folder}.libs", str(Path(folder).parent / f"python_{package}.libs")):
            for path, below, names in os.walk(root):
                below[:] = sorted(f for f in below if f not in ("__pycache__", "include", "tests"))
                code = [n for n in sorted(names) if n.endswith((".py", ".pyd", ".dylib", ".dll")) or ".so" in n]
                yield from _stamps(os.path.join(path, name) for name in code)


def _stamps(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        with suppress(OSError):
            about = os.stat(path)
            yield f"{path} {about.st_size} {about.st_mtime_ns}"


def processor() -> str:
    """What the processor is and can do."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        kept: dict[str, str] = {}
        for line in file:
            if line.startswith(("model name", "flags", "Features", "CPU part", "microcode")):
                kept.setdefault(line.partition(":")[0].strip(), line)
        return "".join(kept[key] for key in sorted(kept))
    return platform.processor()


def _texts(patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        for path in sorted(glob(pattern)):
            with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                yield f"{path} {file.read()}"
