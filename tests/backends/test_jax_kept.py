"""Programs kept from run to run: the same rows without tracing, and no stale or damaged one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backends.tasks import make_task

pytest.importorskip("jax")

from harness import kept as private
from harness.backends.jax import compilations
from harness.backends.jax import program as _jax_program
from harness.backends.jax import program_cache as _jax_kept
from harness.backends.jax.backend import Jax
from harness.model import Observation, Task

Z = np.array([0.7 + 0.4j, -1.2 - 0.3j, 2.0 + 1.0j])
TEXTS = ("exp(z) * conj(z)", "sum(abs(z)**2)", "fft(z)", "eigvals(outer(z, z) + eye(3))", "sort(real(z))")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HARNESS_COMPILATION_CACHE", str(tmp_path))
    monkeypatch.delenv("HARNESS_DEVICE", raising=False)
    yield tmp_path
    import jax

    jax.config.update("jax_compilation_cache_dir", None)  # a subclass turns it on


def rows(backend: Jax, task: Task) -> list[Any]:
    """Everything observed but the time it took."""
    found = [o for o in backend.observe(task) if isinstance(o, Observation)]
    return [
        (o.point, o.api, o.quantity, o.input, o.output, o.status, o.error, o.message,
         None if o.data is None else (o.data.dtype.str, o.data.shape, o.data.tobytes()))
        for o in found
    ]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The case of every program that is traced."""
    made: list[str] = []
    before = _jax_program.Program._make

    def counted(self: Any, *arguments: Any) -> None:
        made.append(self.task.case)
        before(self, *arguments)

    monkeypatch.setattr(_jax_program.Program, "_make", counted)
    return made


@pytest.mark.parametrize("text", TEXTS)
def test_a_kept_program_gives_the_same_bytes_and_is_not_traced(folder: Path, traced: list[str], text: str) -> None:
    task = make_task(text, "jax", [{"z": Z}, {"z": 2 * Z}], order=2)
    fresh = rows(Jax(), task)
    assert len(traced) == 1 and len(list(folder.rglob("*.program"))) == 1
    assert rows(Jax(), task) == fresh and len(traced) == 1
    # what refuses while it is traced (grad of a complex output) refuses in the same words from the shelf
    assert text != TEXTS[0] or any(r[1] == "grad" and r[5] == "refused" and r[7] for r in fresh)


def test_what_decides_a_program_is_in_its_name(folder: Path) -> None:
    backend = Jax()
    assert backend.shelf is not None
    task = make_task("exp(z)", "jax", [{"z": Z}])
    others = [
        make_task("sin(z)", "jax", [{"z": Z}]),
        make_task("exp(z)", "jax", [{"z": Z[:2]}]),
        make_task("exp(z)", "jax", [{"z": Z.astype(np.complex64)}], dtype="complex64"),
        make_task("exp(z)", "jax", [{"z": Z.real}], dtype="float64"),
        replace(task, order=2), replace(task, apis=()), replace(task, without=("jacrev",)), replace(task, case="other"),
        replace(task, mode="checkpoint"),
        replace(task, inputs=tuple(replace(i, differentiate=False) for i in task.inputs)),
    ]
    names = {backend.shelf.name(t, backend.flags()) for t in (task, *others)}
    names.add(backend.shelf.name(task, {**backend.flags(), "matmul_precision": "default"}))
    assert len(names) == len(others) + 2 and None not in names
    moved = make_task("exp(z)", "jax", [{"z": 3 * Z}])
    assert backend.shelf.name(moved, backend.flags()) == backend.shelf.name(task, backend.flags())


def test_another_installation_has_other_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("exp(z)", "jax", [{"z": Z}])
    names = set()
    for line in ("a.py 1 1\n", "a.py 2 1\n", "a.py 1 2\n"):
        _jax_kept._surroundings.cache_clear()
        monkeypatch.setattr(_jax_kept, "_files", lambda place, line=line: iter([line]))
        names.add(_jax_kept.Shelf(folder).name(task, {}))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_cpu_enable_fast_math=true")
    _jax_kept._surroundings.cache_clear()
    names.add(_jax_kept.Shelf(folder).name(task, {}))
    _jax_kept._surroundings.cache_clear()
    assert len(names) == 4


def test_a_users_own_function_and_a_subclass_are_never_kept(folder: Path) -> None:
    class Altered(Jax):
        def pull_one(self, output: int, site: Any, cotangent: Any) -> Any:
            return [-g for g in super().pull_one(output, site, cotangent)]

    task = make_task("exp(z)", "jax", [{"z": Z}], apis=())
    right = {r[1]: r for r in rows(Jax(), task)}
    wrong = {r[1]: r for r in rows(Altered(), task)}
    assert Altered().shelf is None
    assert right["pullback"] != wrong["pullback"] and right["pushforward"] == wrong["pushforward"]
    shelf = Jax().shelf
    assert shelf is not None and shelf.name(replace(task, modules=("mine",)), {}) is None


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "another object"])
def test_a_damaged_file_is_made_anew(folder: Path, traced: list[str], damage: str) -> None:
    task = make_task("exp(z) * conj(z)", "jax", [{"z": Z}])
    fresh = rows(Jax(), task)
    (kept,) = folder.rglob("*.program")
    content = kept.read_bytes()
    if damage == "another object":
        sealed = private.seal("programs", str(kept.relative_to(folder)).encode(), pickle.dumps({"not": "a program"}))
        assert sealed is not None
        content = sealed
    else:
        half = len(content) // 2
        content = {
            "empty": b"", "truncated": content[:half],
            "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        }[damage]
    kept.write_bytes(content)
    assert rows(Jax(), task) == fresh and len(traced) == 2
    assert rows(Jax(), task) == fresh and len(traced) == 2


def test_with_jaxs_own_cache_on_nothing_is_kept(folder: Path) -> None:
    backend, task = Jax(), make_task("exp(z) * z", "jax", [{"z": Z}])
    backend.jax.config.update("jax_compilation_cache_dir", str(folder / "own"))
    rows(backend, task)
    assert not list(folder.rglob("*.program"))


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    monkeypatch.setenv("HARNESS_COMPILATION_CACHE", str(place))
    found = rows(Jax(), make_task("exp(z)", "jax", [{"z": Z}], apis=()))
    assert {r[5] for r in found} == {"ok"}


# -- jax's own cache, of audits and of accelerators


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which jax keeps what it compiles, each entry sealed; afterwards jax is as it was."""
    import jax
    from jax._src import compilation_cache as module

    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
             "jax_persistent_cache_min_entry_size_bytes", "jax_persistent_cache_enable_xla_caches")
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setattr(module, "get_file_cache", module.get_file_cache)
    jax.config.update("jax_compilation_cache_dir", None)
    assert compilations.keep(jax, tmp_path, "jax-audit")
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)
    module.reset_cache()


def compiled(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[int]]:
    """(which machine code jax was given from its cache, what a function newly traced returns)."""
    import jax
    from jax._src import compilation_cache as module

    given: list[str] = []
    take_out = module.decompress_executable
    with monkeypatch.context() as patch:
        patch.setattr(module, "decompress_executable", lambda data: given.append("given") or take_out(data))
        return given, jax.jit(lambda x: 3 * x + 1)(np.arange(3)).tolist()


def test_jaxs_own_cache_is_sealed(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled(monkeypatch) == ([], [1, 4, 7])
    entries = [p for p in own.rglob("*") if p.is_file()]
    assert entries and all(p.suffix == ".compiled" and p.parent.name == "jax-audit" for p in entries)
    given, found = compiled(monkeypatch)
    assert len(given) == len(entries) and found == [1, 4, 7]


@pytest.mark.parametrize("harm", ["as jax writes it", "cut", "under another name", "others may write"])
def test_machine_code_without_the_users_key_is_never_given_to_jax(
    own: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    compiled(monkeypatch)
    entries = sorted(p for p in own.rglob("*") if p.is_file())
    contents = [p.read_bytes() for p in entries]
    for path, content in zip(entries, contents, strict=True):
        if harm == "others may write":
            path.chmod(0o666)
        else:
            sealed = private.seal(compilations.PURPOSE, b"jax-audit/other.compiled", content[32:])
            assert sealed is not None
            harmed = {"as jax writes it": content[32:], "cut": content[:-1], "under another name": sealed}
            path.write_bytes(harmed[harm])
    assert compiled(monkeypatch) == ([], [1, 4, 7])


def test_jaxs_cache_is_left_alone_where_it_is_the_users_or_nothing_may_be_written(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    assert not compilations.keep(jax, own, "elsewhere")  # a folder is set already
    assert jax.config.jax_compilation_cache_dir == str(own / "jax-audit")
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setattr(private, "_hand_over", lambda *what: None)
    assert not compilations.keep(jax, own, "elsewhere") and jax.config.jax_compilation_cache_dir is None
