"""What is kept from run to run: files in folders that only the user may enter, each under a keyed digest.

The key lies in the user's own state folder (0600), apart from the cache: who can write to a cache that is shared, or
copied, cannot make an entry that is believed. Each purpose has a key of its own, derived from it. What is missing,
cut, altered, swapped with another entry, or lies where others may write counts as absent and is made again.

A worker that is shut in neither reads the key nor writes a file: it is given the keys of its own purposes, and hands
what is to be kept to the coordinator. What such a worker made is believed by such workers alone.

Standard library only, Python 3.10.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from harness.storage import cache_folder, write_whole

KEYS_VARIABLE = "HARNESS_KEPT_KEYS"  # how a worker that is shut in is given keys; it takes them out at once
MAX_ENTRY = 256 << 20
_KEY, _DIGEST = 32, 32

#: What an entry handed over by a shut-in worker may be called, by purpose.
_NAMES = {
    "programs": re.compile(r"jax-[0-9A-Za-z.+_-]{1,80}/shut-in/[0-9a-f]{40}\.program"),
    "reference": re.compile(r"[0-9a-f]{20}/[0-9a-f]{2}/[0-9a-f]{64}"),
}

#: Of a shut-in worker: the keys that it was given, and what takes what it wants kept.
_given: dict[str, bytes] = {}
_hand_over: Callable[[str, str, bytes], None] | None = None


def state_folder() -> Path:
    """The user's own folder for what is neither cache nor settings, of this program."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "wirtinger-harness"


def root(purpose: str) -> Path | None:
    """The folder of a purpose; None where nothing is kept."""
    if purpose == "programs":
        place = os.environ.get("HARNESS_COMPILATION_CACHE", "")
        if place:
            return Path(place) if os.path.isabs(place) else None
    base = cache_folder()
    return None if base is None else base / ("compiled" if purpose == "programs" else purpose)


# -- who may write -----------------------------------------------------------------------------------------------------


def objection(folder: Path, *, private: bool = True) -> str:
    """Why what lies in a folder is not believed, as half a sentence; "" where nothing is wrong.

    private: nobody else may look into it either; a folder of the user's that is merely open to reading is closed.
    """
    if os.name == "nt":
        return ""
    try:
        about = os.lstat(folder)
        if stat.S_ISLNK(about.st_mode):
            return f"{folder} is a link"
        if not stat.S_ISDIR(about.st_mode):
            return f"{folder} is not a folder"
        if about.st_uid != os.geteuid():
            return f"{folder} belongs to somebody else"
        if about.st_mode & 0o022:
            return f"others may write to {folder}"
        if private and about.st_mode & 0o077:
            os.chmod(folder, 0o700)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{folder} cannot be used: {error.strerror}"
    return ""


def objection_to_file(path: Path) -> str:
    """The same of a file; "" where there is none yet."""
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be used: {error.strerror}"
    if not stat.S_ISREG(about.st_mode):
        return f"{path} is not a file"
    if os.name != "nt" and (about.st_uid != os.geteuid() or about.st_mode & 0o022):
        return f"{path} belongs to somebody else, or others may write to it"
    return ""


def _way(path: Path, top: Path) -> list[Path]:
    """The folders from `top` down to the one that holds `path`."""
    return [top, *(top.joinpath(*path.relative_to(top).parts[:k]) for k in range(1, len(path.relative_to(top).parts)))]


def _make(folder: Path) -> None:
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)


def trouble() -> str:
    """Why nothing is kept, as a sentence; "" where things are, or are not wanted."""
    base = cache_folder()
    if base is None:
        return ""
    why = objection(base.resolve(), private=False) or next(
        (found for p in ("reference", "programs", "observations")
         if (place := root(p)) is not None and (found := objection(place))), "")
    if not why:
        try:
            _master(state_folder())
        except OSError as error:
            why = str(error)
    return f"nothing is kept from run to run: {why}" if why else ""


# -- the key -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _master(folder: Path) -> bytes:
    """The user's key, made where there is none. Raises OSError with a sentence where it is not the user's alone."""
    path = folder / "key"
    _make(folder)
    if why := objection(folder):
        raise OSError(why)
    if not path.exists() and not path.is_symlink():
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".new-")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_KEY))
            with suppress(FileExistsError):  # somebody was faster: theirs counts
                os.link(draft, path)
        finally:
            os.unlink(draft)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        about = os.fstat(handle)
        own = os.name == "nt" or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
        key = os.read(handle, _KEY + 1) if stat.S_ISREG(about.st_mode) else b""
    finally:
        os.close(handle)
    if not own:
        raise OSError(f"the key {path} may be read by others; remove it, and another is made")
    if len(key) != _KEY:
        raise OSError(f"the key {path} is not {_KEY} bytes long; remove it, and another is made")
    return key


def _key(purpose: str) -> bytes | None:
    if _hand_over is not None:
        return _given.get(purpose)
    try:
        return hmac.digest(_master(state_folder()), purpose.encode(), "sha256")
    except OSError:
        return None


def seal(purpose: str, name: bytes, payload: bytes) -> bytes | None:
    """The payload behind its keyed digest; None where there is no key."""
    key = _key(purpose)
    return None if key is None else _mac(key, name, payload) + payload


def unseal(purpose: str, name: bytes, data: bytes) -> bytes | None:
    """The payload that was sealed for this purpose under this name; None for anything else."""
    key = _key(purpose)
    if key is None or len(data) < _DIGEST or not hmac.compare_digest(_mac(key, name, data[_DIGEST:]), data[:_DIGEST]):
        return None
    return data[_DIGEST:]


def _mac(key: bytes, name: bytes, payload: bytes) -> bytes:
    total = hmac.new(key, len(name).to_bytes(4, "little") + name, hashlib.sha256)
    total.update(payload)
    return total.digest()


# -- entries -----------------------------------------------------------------------------------------------------------


def load(purpose: str, top: Path, name: str) -> bytes | None:
    """What was stored under this name, or None. purpose: whose key. top: the folder; name: the path below it."""
    path = top / name
    if any(objection(folder) for folder in _way(path, top)):
        return None
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_ENTRY:
                return None
            if os.name != "nt" and (about.st_uid != os.geteuid() or about.st_mode & 0o022):
                return None
            data = file.read(MAX_ENTRY + 1)
    except OSError:
        return None
    return unseal(purpose, name.encode(), data)


def store(purpose: str, top: Path, name: str, payload: bytes) -> None:
    """Keep a payload. Where that cannot be, it is not an error: it costs the time to make it again."""
    if len(payload) > MAX_ENTRY - _DIGEST:
        return
    if _hand_over is not None:
        _hand_over(purpose, name, payload)
        return
    with suppress(OSError):
        sealed = seal(purpose, name.encode(), payload)
        folders = _way(top / name, top)
        for folder in folders:
            _make(folder)
        if sealed is not None and not any(objection(folder) for folder in folders):
            write_whole(top / name, sealed)


# -- workers that are shut in ------------------------------------------------------------------------------------------


def shut_in() -> bool:
    """Whether this process is a worker that is shut in."""
    return _hand_over is not None


def keys_for(*purposes: str) -> str:
    """What KEYS_VARIABLE holds for a worker that is shut in."""
    made = {p: key.hex() for p in purposes if (key := _key(p)) is not None}
    return json.dumps(made)


def receive_keys(hand_over: Callable[[str, str, bytes], None]) -> None:
    """Become a worker that is shut in: take the keys out of the environment, and hand over what is to be kept."""
    global _hand_over
    _given.update({p: bytes.fromhex(key) for p, key in json.loads(os.environ.pop(KEYS_VARIABLE, "{}")).items()})
    _hand_over = hand_over


def take_over(purpose: str, name: str, payload: bytes) -> None:
    """Keep what a shut-in worker handed over. Raises ValueError for a name that none of ours has."""
    if purpose not in _NAMES or not _NAMES[purpose].fullmatch(name):
        raise ValueError(f"a worker wants to keep {name[:60]!r}")
    top = root(purpose)
    if top is not None:
        store(shut_in_purpose(purpose), top, name, payload)


def shut_in_purpose(purpose: str) -> str:
    """Whose key: programs are code, and those that a shut-in worker made are run by shut-in workers alone."""
    return "programs shut in" if purpose == "programs" else purpose
