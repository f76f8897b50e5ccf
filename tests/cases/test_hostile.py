"""Every hostile input is refused at the right place, soon, and without a file or a process being touched."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from harness.cases import CaseErrors, document, lint, load, schema
from harness.model import CaseError
from tests.cases.hostile import HOSTILE, Hostile

_watching: list[str] | None = None
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.", "pickle.",
    "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.", "ctypes.",
)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook cannot be removed; it only notes while a load is being watched."""
    if _watching is None:
        return
    if event.startswith(_FORBIDDEN):
        _watching.append(f"{event} {arguments}")
    elif event == "open":
        path, _, flags = arguments
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
        if isinstance(flags, int) and flags & _WRITES and "__pycache__" not in name:
            _watching.append(f"opened for writing: {name}")
        if "secret.npz" in name or "passwd" in name or "pwned" in name:
            _watching.append(f"opened: {name}")
    elif event == "import" and str(arguments[0]).partition(".")[0] in ("torch", "jax", "jaxlib", "pickle"):
        _watching.append(f"imported {arguments[0]}")


sys.addaudithook(_audit)


def _tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def _errors(paths: list[Path]) -> list[CaseError]:
    try:
        load(paths)
    except CaseErrors as errors:
        return list(errors.errors)
    except CaseError as error:
        return [error]
    return []


def test_the_watch_sees(tmp_path: Path) -> None:
    """The watch itself: a file written, a forbidden file read and a command run are all noted."""
    global _watching
    (tmp_path / "secret.npz").write_bytes(b"")
    _watching = []
    try:
        (tmp_path / "new").write_text("")
        (tmp_path / "secret.npz").read_bytes()
        os.system("true")
    finally:
        noted, _watching = _watching, None
    assert [entry.partition(" ")[0] for entry in noted] == ["opened", "opened:", "os.system"]


def test_there_are_enough() -> None:
    assert len(HOSTILE) >= 60
    assert len({h.name for h in HOSTILE}) == len(HOSTILE)


@pytest.fixture
def patience() -> Iterator[None]:
    """What would take for ever fails after 20 seconds of the processor (a refusal takes some thousandths)."""

    def stop(*_: object) -> None:
        raise AssertionError("reading took 20 seconds of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 20)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda h: h.name)
def test_refused(hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: None) -> None:
    global _watching
    path = hostile.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = _tree(tmp_path)
    load_path = path.parent if any(name.endswith("other.yaml") for name in hostile.extra) else path
    # Python's own byte code, written when a module is first imported in a fresh checkout, is no doing of the case.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import harness.backends
    import harness.expr  # noqa: F401 - so that reading its tables is not counted

    _watching = []
    try:
        errors = _errors([load_path])
    finally:
        noted, _watching = _watching, None
    assert errors, "it was accepted"
    assert noted == []
    assert _tree(tmp_path) == before
    wanted = f"{path.parent / hostile.file}:{hostile.line}:{hostile.column}: "
    matching = [e for e in errors if str(e).startswith(wanted) and hostile.expected in str(e)]
    assert matching, f"expected {wanted}... {hostile.expected} ..., got\n" + "\n".join(map(str, errors))
    assert all(e.place is not None and e.place.line and e.place.column for e in errors)
    assert all(len(str(e)) < 800 and "\n" not in str(e) for e in errors), "the message is not for people"
    assert "Traceback" not in str(errors[0])


@pytest.mark.parametrize("hostile", [h for h in HOSTILE if h.structural], ids=lambda h: h.name)
def test_schema_refuses_too(hostile: Hostile, tmp_path: Path) -> None:
    path = hostile.write(tmp_path)
    data = document.plain(document.read(path, str(path)))
    assert not jsonschema.Draft202012Validator(schema()).is_valid(data)


def test_lint_reports_everything_at_once(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(
        "cases:\n"
        "  - id: a/b\n    function: exp(z)\n    inputs: {z: complex}\n    points: {p: {z: 1}}\n"
        "  - id: c\n    function: exq(z)\n    inputs: {z: complex}\n    points: {p: {z: oops}, q: {y: 1}}\n"
        "    order: 7\n"
        "  - id: d\n    function: exp(z)\n    inputs: {z: complex}\n    points: {p: {z: 1}}\n"
    )
    places = [(e.place.line, e.place.column) for e in lint([path]) if e.place]
    assert places == [(2, 9), (7, 15), (9, 21), (9, 32), (10, 12)]
