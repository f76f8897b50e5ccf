"""What a worker gives up before it runs a stranger's case: files, network, processes, by the operating system (Linux).

Landlock (landlock(7), by its three system calls) leaves it the installation of Python and the framework to read and one
private folder of compiled programs to write; a seccomp filter (seccomp(2)) leaves it threads, and no sockets, processes
or other processes' memory. Both hold for this thread and for those it starts, so they come before the first of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # landlock_create_ruleset, landlock_add_rule, landlock_restrict_self
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute (to map libraries), read file, read folder
_WRITE = _READ | 1 << 1 | 1 << 5 | 1 << 8 | 1 << 7 | 1 << 13 | 1 << 14  # write, unlink, make files and folders, rename
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # what may be granted on what is no folder
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/proc/self", "/proc/cpuinfo",
           "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys", "/sys", "/dev/urandom")
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2

#: System calls of x86-64 that are refused with EPERM.
_REFUSED = {
    "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "fork": 57, "vfork": 58, "execve": 59,
    "ptrace": 101, "chroot": 161, "mount": 165, "umount2": 166, "init_module": 175, "add_key": 248, "request_key": 249,
    "keyctl": 250, "unshare": 272, "accept4": 288, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "execveat": 322, "userfaultfd": 323,
    "io_uring_setup": 425, "pidfd_getfd": 438,
}
_CLONE, _CLONE3, _THREAD = 56, 435, 0x10000


def landlock_version() -> int:
    """The version of Landlock's interface that this kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE, None, 0, 1)))


def missing() -> str:
    """Why a worker cannot be shut in here, as half a sentence; empty where it can."""
    if sys.platform != "linux":
        return f"workers are not shut in on {sys.platform}"
    if not landlock_version():
        return "this kernel has no Landlock"
    if platform.machine() != "x86_64" or struct.calcsize("P") != 8:
        return f"no filter of system calls is known for {platform.machine()}"
    return ""


def enter(writable: Iterable[str | Path] = (), readable: Iterable[str | Path] = ()) -> None:
    """Give up files, network and processes, for good. writable: folders that may be read and written. readable: what
    may be read beside the installation.

    Raises OSError where the kernel does not let it, with nothing half done but that privileges cannot grow.
    """
    why = missing()
    if why:
        raise OSError(why)
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")
    _restrict_files(libc, writable, readable)
    _filter_calls(libc)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def installation() -> list[str]:
    """What Python and the frameworks are installed in: never the home folder itself, nor a folder above it.

    This package lies behind a link where a worker runs in another environment, and a link opens nothing behind it.
    """
    home = os.path.realpath(os.path.expanduser("~"))
    found = [*_SYSTEM]
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for entry in (sys.prefix, sys.base_prefix, sys.exec_prefix, own, *sys.path):
        real = os.path.realpath(entry) if entry else ""
        if real and real != "/" and not (home + "/").startswith(real.rstrip("/") + "/"):
            found.append(real)
            if sys.pycache_prefix:  # its byte code, where that is kept apart: compiling torch anew takes seconds
                found += [sys.pycache_prefix + place for place in dict.fromkeys((os.path.abspath(entry), real))]
    return list(dict.fromkeys(found))


def _restrict_files(libc: ctypes.CDLL, writable: Iterable[str | Path], more: Iterable[str | Path]) -> None:
    version = landlock_version()
    handled = _FILES[min(version, 5)]
    network = 3 if version >= 4 else 0  # binding and connecting TCP
    scoped = 3 if version >= 6 else 0  # abstract sockets and signals stay among those shut in
    attributes = struct.pack("QQQ", handled, network, scoped)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(libc.syscall(_CREATE, attributes, size, 0), "landlock_create_ruleset")
    try:
        for path in (*installation(), *more):
            _grant(libc, ruleset, str(path), _READ & handled)
        _grant(libc, ruleset, "/dev/null", (_READ | 1 << 1) & handled)
        for folder in writable:
            _grant(libc, ruleset, str(folder), _WRITE & handled)
        _checked(libc.syscall(_RESTRICT, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _grant(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = access if os.path.isdir(path) else access & _ON_FILES
            rule = struct.pack("=Qi", allowed, place)
            _checked(libc.syscall(_ADD, ruleset, 1, rule, 0), "landlock_add_rule")
        finally:
            os.close(place)


def _filter_calls(libc: ctypes.CDLL) -> None:
    load, equal, at_least, masked, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, refuse, absent = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026  # EPERM, ENOSYS: threads by clone
    steps: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4), (equal, 1, 0, 0xC000003E), (give, 0, 0, kill),  # another architecture's numbers
        (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (give, 0, 0, refuse),
        (equal, 0, 1, _CLONE3), (give, 0, 0, absent),
    ]
    for number in _REFUSED.values():
        steps += [(equal, 0, 1, number), (give, 0, 0, refuse)]
    steps += [(equal, 0, 3, _CLONE), (load, 0, 0, 16), (masked, 1, 0, _THREAD), (give, 0, 0, refuse),
              (give, 0, 0, allow)]
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    _checked(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(described), 0, 0), "seccomp")
