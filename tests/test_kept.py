"""Caches from an attacker: whatever lies where an entry should be, it is made again, and nothing of it is unpickled."""

from __future__ import annotations

import json
import os
import pickle
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness import kept

NAME = "ab/entry"


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, ("touch pwned",))


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one entry, of a user whose key is new."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    kept._master.cache_clear()
    folder = tmp_path / "cache" / "reference"
    kept.store("reference", folder, NAME, b"payload")
    assert kept.load("reference", folder, NAME) == b"payload"
    yield folder  # type: ignore[misc]
    kept._master.cache_clear()


def key_of(folder: Path) -> Path:
    return kept.state_folder() / "key"


def entry(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda top: (top / NAME).write_bytes(change((top / NAME).read_bytes())) and None


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def act(top: Path) -> None:
        (top / NAME).unlink()
        make(top / NAME)

    return act


def swapped(top: Path) -> None:
    kept.store("reference", top, "ab/other", b"another")
    os.replace(top / "ab" / "other", top / NAME)


def of_another_purpose(top: Path) -> None:
    kept.store("programs", top, NAME, b"another")


def under_another_key(top: Path) -> None:
    """Sealed by somebody with a key of their own."""
    own = key_of(top).read_bytes()
    key_of(top).write_bytes(bytes(32))
    kept._master.cache_clear()
    kept.store("reference", top, NAME, pickle.dumps(_Bomb()))
    key_of(top).write_bytes(own)
    kept._master.cache_clear()


def link_elsewhere(top: Path) -> None:
    elsewhere = top.parent / "elsewhere"
    os.replace(top / NAME, elsewhere)
    (top / NAME).symlink_to(elsewhere)


def folder_is_a_link(top: Path) -> None:
    os.rename(top / "ab", top.parent / "ab")
    (top / "ab").symlink_to(top.parent / "ab")


def mode(path: str, bits: int) -> Callable[[Path], None]:
    return lambda top: os.chmod(top / path, bits)


def owner(path: str) -> Callable[[Path], None]:
    def act(top: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(top / path, 12345, -1, follow_symlinks=False)

    return act


def key(act: Callable[[Path], object]) -> Callable[[Path], None]:
    def harm(top: Path) -> None:
        act(key_of(top))
        kept._master.cache_clear()

    return harm


def linked_key(path: Path) -> None:
    other = path.with_name("other")
    os.replace(path, other)
    path.symlink_to(other)


HOSTILE: dict[str, Callable[[Path], None]] = {
    "empty": entry(lambda data: b""),
    "digest alone": entry(lambda data: data[:32]),
    "cut": entry(lambda data: data[:-1]),
    "longer": entry(lambda data: data + b"x"),
    "flipped payload": entry(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "flipped digest": entry(lambda data: bytes([data[0] ^ 1]) + data[1:]),
    "no key needed": entry(lambda data: sha256(b"payload").digest() + b"payload"),
    "unkeyed pickle": entry(lambda data: sha256(pickle.dumps(_Bomb())).digest() + pickle.dumps(_Bomb())),
    "bare pickle": entry(lambda data: pickle.dumps(_Bomb())),
    "swapped": swapped,
    "another purpose": of_another_purpose,
    "another key": under_another_key,
    "link": link_elsewhere,
    "link to a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "link to nothing": replaced(lambda path: path.symlink_to("nowhere")),
    "pipe": replaced(os.mkfifo),
    "folder": replaced(os.mkdir),
    "huge": lambda top: os.truncate(top / NAME, 1 << 40),
    "group writes the file": mode(NAME, 0o660),
    "all write the file": mode(NAME, 0o606),
    "group writes the folder": mode("ab", 0o770),
    "all write the cache": mode("", 0o777),
    "sticky": mode("", 0o1777),
    "folder is a link": folder_is_a_link,
    "file of another": owner(NAME),
    "folder of another": owner("ab"),
    "cache of another": owner(""),
    "key changed": key(lambda path: path.write_bytes(bytes(32))),
    "key too short": key(lambda path: path.write_bytes(b"x")),
    "key too long": key(lambda path: path.write_bytes(bytes(33))),
    "key that others read": key(lambda path: path.chmod(0o644)),
    "key is a link": key(linked_key),
    "key in a folder of all": key(lambda path: path.parent.chmod(0o777)),
    "key gone": key(lambda path: path.unlink()),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_cache_is_an_empty_one(name: str, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **options: object) -> object:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", never)
    monkeypatch.chdir(top.parent)
    HOSTILE[name](top)
    assert kept.load("reference", top, NAME) is None
    kept.store("reference", top, NAME, b"again")  # may be in vain, and is no error
    assert kept.load("reference", top, NAME) in (b"again", None)
    assert not (top.parent / "pwned").exists()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 20


@pytest.mark.parametrize("name", ["all write the cache", "cache of another", "key that others read", "key is a link",
                                  "key in a folder of all"])
def test_what_cannot_be_used_is_said(name: str, top: Path) -> None:
    assert kept.trouble() == ""
    HOSTILE[name](top)
    assert kept.trouble().startswith("nothing is kept from run to run: ")


def test_folders_and_key_are_the_users_alone(top: Path) -> None:
    for folder in (top, top / "ab", kept.state_folder()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(key_of(top).stat().st_mode) == 0o600
    top.chmod(0o755)  # as earlier releases left it: closed, not refused
    assert kept.load("reference", top, NAME) == b"payload"
    assert stat.S_IMODE(top.stat().st_mode) == 0o700


@pytest.fixture
def worker(top: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bytes]]:
    """This process as a worker that is shut in; what it hands over."""
    handed: list[tuple[str, str, bytes]] = []
    monkeypatch.setattr(kept, "_given", {})
    monkeypatch.setattr(kept, "_hand_over", None)
    monkeypatch.setenv(kept.KEYS_VARIABLE, kept.keys_for("reference"))
    kept.receive_keys(lambda *what: handed.append(what))
    return handed


def test_a_worker_reads_and_hands_over(top: Path, worker: list[tuple[str, str, bytes]]) -> None:
    assert kept.KEYS_VARIABLE not in os.environ
    assert kept.load("reference", top, NAME) == b"payload"
    kept.store("reference", top, "ab/new", b"x")
    assert worker == [("reference", "ab/new", b"x")] and not (top / "ab" / "new").exists()
    assert kept.load("programs", top, NAME) is None  # a purpose whose key it was not given


@pytest.mark.parametrize(("purpose", "name"), [
    ("reference", "../../../etc/passwd"), ("reference", "/etc/passwd"), ("reference", "a" * 64),
    ("programs", "jax-0.10/programs/" + "a" * 40 + ".program"), ("programs", "jax-../shut-in/x.program"),
    ("observations", "store.sqlite"), ("", ""), ("key", "key"),
])
def test_what_a_worker_may_not_have_kept(purpose: str, name: str, top: Path) -> None:
    before = sorted(top.parent.parent.rglob("*"))
    with pytest.raises(ValueError, match="wants to keep"):
        kept.take_over(purpose, name, b"x")
    assert sorted(top.parent.parent.rglob("*")) == before


def test_programs_of_workers_that_are_shut_in_are_run_by_none_but_them(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_COMPILATION_CACHE", str(top.parent / "compiled"))
    name = "jax-0.10.2-0.10.2/shut-in/" + "a" * 40 + ".program"
    kept.take_over("programs", name, b"code")
    folder = kept.root("programs")
    assert folder is not None and (folder / name).is_file()
    assert kept.load("programs", folder, name) is None
    assert kept.load("programs shut in", folder, name) == b"code"
    assert list(json.loads(kept.keys_for("programs shut in"))) == ["programs shut in"]
