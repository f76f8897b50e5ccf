"""Runs from an attacker: one sentence and status 2 from every command, before memory is taken, and nothing on the
terminal that acts there."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness.cli import main
from harness.runs.arrow_reading import read_table
from harness.runs.arrow_schema import SCHEMA
from harness.runs.thrift import Thrift
from harness.untrusted import Malformed, printable, visible
from harness.workers import sandbox
from harness.workers.frames import pack
from tests.runs.hostile import HOSTILE_RUNS, TITLE, HostileRun, inner, row, target
from tests.runs.recorded_by_hand import edit, edit_rows, write_run

COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "compare": lambda run: ["compare", run],
    "show": lambda run: ["show", run, "square@generic", "--all"],
    "findings": lambda run: ["findings", run],
    "report": lambda run: ["report", run, "--output", f"{run}.html"],
    "repro": lambda run: ["repro", run, "square@left"],
    "diff": lambda run: ["diff", run, run],
    "timeline": lambda run: ["timeline", run, f"{Path(run).parent}/older"],
    "accuracy": lambda run: ["accuracy", run],
}
KILOBYTES_400_000 = 400 << 10


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("sound") / "run")


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    older = Path(shutil.copytree(sound, tmp_path / "older"))
    target(environment="jax 0.4", versions={"jax": "0.4"})(older)
    edit_rows(older, lambda rows: [r | {"environment": "jax 0.4"} if r["backend"] == "jax" else r for r in rows])
    return Path(shutil.copytree(sound, tmp_path / "run"))


def kilobytes(name: str) -> int:
    """What the kernel says of this process: VmRSS, its memory now; VmHWM, the most since the mark was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def little_memory() -> Iterator[None]:
    """Within: less than 400 MB more than before at any moment. The mark is reset first: making a bomb takes memory."""
    if not Path("/proc/self/clear_refs").exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmRSS")
    yield
    assert kilobytes("VmHWM") - before < KILOBYTES_400_000


@pytest.mark.parametrize("command", list(COMMANDS))
def test_the_run_is_sound_before_it_is_altered(
    copy: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("harness.repro.script"), "confirm", lambda text, python=None: (True, "said so"))
    assert main(COMMANDS[command](str(copy))) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("hostile", [h for h in HOSTILE_RUNS if h.said], ids=lambda h: h.name)
def test_a_hostile_run_is_a_sentence(hostile: HostileRun, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.harm(copy)
    words = list(COMMANDS)[len(hostile.name) % len(COMMANDS)]  # each command meets a share of them
    with little_memory():
        assert main(COMMANDS[words](str(copy))) == 2
    seen = capsys.readouterr()
    assert seen.out == "" and hostile.said in seen.err and len(seen.err.splitlines()) == 1, seen.err[-600:]
    assert "\x1b" not in seen.err and "\u202e" not in seen.err and str(copy) in seen.err
    assert not Path("/tmp/pwned").exists() and not list(copy.parent.glob("*.html"))


def test_the_watch_over_memory_sees() -> None:
    with pytest.raises(AssertionError), little_memory():
        assert len(b"x" * (420 << 20)) == 420 << 20


def test_there_are_enough_of_them() -> None:
    assert len({h.name for h in HOSTILE_RUNS}) == len(HOSTILE_RUNS) >= 60


@pytest.mark.parametrize("data", [
    bytes([0x19]) * 5000, bytes([0x1C]) * 5000, bytes([0x19, 0xFC, 0xFF, 0xFF, 0x7F]) + bytes(1 << 20), b"\x15",
    bytes([0x15, 2, 0x05, 2, 2, 0]), bytes([0x18, 0xFF, 0xFF, 0x7F, 0]),
])
def test_descriptions_without_end_are_refused(data: bytes) -> None:
    """Lists in lists, structures in structures, more of them than may be, cut off, a field twice, a text too long."""
    with pytest.raises(Malformed):
        Thrift(data, 0, len(data), 1 << 22).struct()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_no_byte_of_a_files_description_ends_the_process(sound: Path, tmp_path: Path) -> None:
    """A flipped byte may be refused or change nothing. Lists made longer among them: of histograms, pyarrow aborted."""
    data = (sound / "observations.parquet").read_bytes()
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    changes = [(at, data[at] + 0x20) for at in range(begin, len(data) - 8) if data[at] in (0x06, 0x16)]
    changes += [(at, data[at] ^ 1 << at % 8) for at in range(begin, len(data) - 8, 29)]
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for at, byte in changes:
                altered = bytearray(data)
                altered[at] = byte
                (tmp_path / "altered.parquet").write_bytes(altered)
                with suppress(Malformed, OSError, pa.ArrowException):
                    read_table(tmp_path / "altered.parquet", SCHEMA)
            status = 0
        finally:
            os._exit(status)
    assert len(changes) > 200 and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_reads_through_the_same_door(
    command: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target(backend="../../jax")(copy)
    assert main(COMMANDS[command](str(copy))) == 2
    assert "header.targets[1].backend" in capsys.readouterr().err


@pytest.mark.parametrize("command", list(COMMANDS))
def test_what_a_framework_said_is_seen_and_does_nothing(
    command: str, copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages are free text: they are shown, with what acts on a terminal written out."""
    monkeypatch.setattr(import_module("harness.repro.script"), "confirm", lambda text, python=None: (True, "said so"))

    def speak(rows: list[dict[str, object]]) -> None:
        for one in rows:
            if one["status"] == "refused":
                one.update(message=f"{TITLE} \x1b[2J \u202e <script>alert(1)</script>", error="E\x07")

    edit_rows(copy, speak)
    assert main(COMMANDS[command](str(copy))) in (0, 1)
    seen = capsys.readouterr()
    for character in "\x1b\x07\u202e":
        assert character not in seen.out + seen.err
    if command == "show":
        assert "<U+001B>]0;pwned" in seen.out
    if command == "report":
        page = Path(f"{copy}.html").read_text(encoding="utf-8")
        assert "<script>alert(1)" not in page and "\x1b" not in page and "\u202e" not in page


def test_an_argument_of_the_command_does_not_reach_the_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"nowhere{TITLE}"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_journal_of_nonsense_is_a_sentence_and_the_rest_is_read(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "closed.json").unlink()
    sound = (copy / "journal.bin").read_bytes()
    head = {"m": "rows", "task": 0, "case": "square", "dtype": "complex128", "target": 0}
    one = ["generic", "x", "raw", "z", "out", "ok", "<f8", [1], 8, "", "", 0.0]
    nonsense = [
        {**head, "target": 99, "rows": []}, {**head, "target": -1, "rows": []}, {**head, "target": True, "rows": []},
        {**head, "rows": "x"}, {**head, "rows": [one[:-1]]}, {**head, "rows": [[*one[:8], -8, *one[9:]]]},
        {**head, "rows": [[*one[:7], [2**40], *one[8:]]]}, {**head, "rows": [[{}, *one[1:]]]},
        {**head, "rows": [[*one[:6], "|O", *one[7:]]]}, {**head, "case": ["square"], "rows": []},
        {"m": "done", "task": 0, "rows": "all"}, {"m": "done", "task": [], "rows": 1}, {"m": "pwn", "task": 0},
        {"m": "point", "task": 0, "point": None},
    ]
    frames = [pack(n) for n in nonsense] + [pack({**head, "rows": [one]}, [b"\0" * 7])]
    (copy / "journal.bin").write_bytes(b"".join(frames) + sound)
    from harness.runs import Run

    run = Run.open(copy)
    assert len(run.observations()) == 62
    assert sum("was skipped" in note for note in run.notes) == len(frames)
    assert main(["compare", str(copy)]) == 0


def test_a_derivative_that_fits_no_value_is_no_crash(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A J of another size than value and input is a mismatch of the backend with itself, along every axis."""
    for shape in ([16], [2, 8], [1, 1, 16], [8, 2]):
        run = Path(shutil.copytree(copy, copy.with_name(f"run-{len(shape)}-{shape[-1]}")))

        def bend(rows: list[dict[str, object]], shape: list[int] = shape) -> None:
            for one in rows:
                if one["quantity"] == "differential" and one["case"] == "square" and one["backend"] == "jax":
                    one["shape"] = shape

        edit_rows(run, bend)
        assert main(["compare", str(run), "--axis", "api", "--rows"]) == 1
        assert "shapes" in capsys.readouterr().out
        assert main(["compare", str(run)]) == 1


def test_tables_for_spreadsheets_hold_no_formulas(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner("expect.0.because", "=HYPERLINK(1)")(copy)
    assert main(["compare", str(copy), "--format", "csv"]) in (0, 1)
    assert ",=HYPERLINK" not in (said := capsys.readouterr().out) and ",'=HYPERLINK(1)" in said


def test_markdown_holds_no_markup_of_a_stranger(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner("expect.0.because", "<img src=x> ![x](http://evil.example) @everyone `")(copy)
    assert main(["compare", str(copy), "--format", "markdown"]) in (0, 1)
    said = capsys.readouterr().out
    for live in ("<img", "](http", "@everyone", "http://evil"):
        assert live not in said.replace("https:\u200b", "")


def test_times_are_never_worth_a_failure(copy: Path) -> None:
    (copy / "times.parquet").write_bytes(b"PAR1")
    from harness.runs import Run

    run = Run.open(copy)
    assert np.isnan(run.seconds).all() and any("times.parquet" in note for note in run.notes)


def test_invocations_of_a_stranger_are_no_date(copy: Path) -> None:
    (copy / "invocations.json").write_text(json.dumps([{"started": TITLE}, {"started": 5}, "x"]))
    assert main(["report", str(copy), "--output", f"{copy}.html"]) == 0
    assert "pwned" not in Path(f"{copy}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("text", "shown"), [
    ("plain\n\tline", "plain\n\tline"), ("a\rb", "a<U+000D>b"), ("a\r\nb", "a\nb"), ("\x9b2J", "<U+009B>2J"),
    ("\ud800", "<U+D800>"), ("\u061c\u2067", "<U+061C><U+2067>"),
    ("\x1b]8;;javascript:x\x1b\\", "<U+001B>]8;;javascript:x<U+001B>\\"),
    ("\x1b[6n", "<U+001B>[6n"), ("\x1bc", "<U+001B>c"), ("\x1b]52;c;x\x07", "<U+001B>]52;c;x<U+0007>"),
])
def test_what_acts_on_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == printable(text) == shown


def test_styles_of_our_own_get_through_a_screen_and_nowhere_else() -> None:
    for style in ("\x1b[1;31mred\x1b[0m", "\x1b]8;;file:///a/b.py\x1b\\b.py\x1b]8;;\x1b\\", "\r\x1b[K"):
        assert printable(style) == style and "\x1b" not in visible(style)


def test_a_case_that_is_renamed_in_rows_too_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(copy, "catalogue.json", lambda found: found["cases"][0].update(id="a\x1b[2J"))
    row(case="a\x1b[2J")(copy)
    assert main(["compare", str(copy)]) == 2
    assert "\x1b" not in capsys.readouterr().err


# -- scripts


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that would have been run."""
    texts: list[str] = []

    def keep(text: str, python: str | None = None) -> tuple[bool, str]:
        texts.append(text)
        return True, "said so"

    monkeypatch.setattr(import_module("harness.repro.script"), "confirm", keep)
    return texts


@pytest.mark.parametrize("function", [
    {"torch": "os:system", "jax": "os:system", "reference": "z**2"},
    {"jax": "subprocess:call", "portable": "z**2"},
    {"jax": "__import__('os').system('touch pwned')", "reference": "z**2"},
    {"jax": "jax.debug.callback(print, z)", "reference": "z**2"},
    {"jax": "z; import os", "reference": "z**2"},
    {"jax": "jnp.load('x.npy')", "reference": "z**2"},
    {"jax": "z.__class__", "reference": "z**2"},
    {"portable": "z**2\n__import__('os')"},
])
def test_no_script_is_made_of_what_is_not_admitted(
    function: dict[str, str], copy: Path, written: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    inner("function", function)(copy)
    assert main(["repro", str(copy), "square@left"]) == 2
    seen = capsys.readouterr()
    assert not written and "Traceback" not in seen.err and seen.out == ""
    assert main(["show", str(copy), "square@left"]) == 0
    assert main(["findings", str(copy)]) == 0
    assert not written


def test_words_of_a_run_end_no_quotes_of_a_script(
    copy: Path, written: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    evil = '1"""; import os; os.system("touch pwned"); """\\'
    target(versions={"jax": evil, evil: "1"})(copy)
    assert main(["repro", str(copy), "square@left"]) == 0
    (text,) = written
    names = {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(ast.parse(text))}
    assert not {"os", "system"} & names
    assert [a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import) for a in n.names] == [
        "sys", "numpy", "mpmath", "jax", "jax.numpy"]


@pytest.mark.skipif(bool(sandbox.missing()), reason="no sandbox on this kernel")
def test_a_script_runs_shut_in(tmp_path: Path) -> None:
    confirm = import_module("harness.repro.script").confirm

    secret, made = tmp_path / "secret", tmp_path / "made"
    secret.write_text("x")
    held, said = confirm(
        "import subprocess, socket\n"
        f"for act in (lambda: open({str(secret)!r}), lambda: open({str(made)!r}, 'w'), lambda: socket.socket(),\n"
        "            lambda: subprocess.run(['/bin/true'])):\n"
        "    try:\n        act()\n    except OSError as error:\n        print(type(error).__name__)\n"
        "print('CONFIRMED')\n"
    )
    assert held and said.split() == ["PermissionError"] * 4 + ["CONFIRMED"] and not made.exists()
