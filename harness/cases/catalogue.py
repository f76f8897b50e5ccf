"""Files and folders of cases: which are read, in which order, and what must be unique over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cases import document
from harness.cases.build import DEFAULT_KEYS, KEYS, Surroundings, build
from harness.cases.errors import Problems, suggestion
from harness.cases.known import FILE_NAME as KNOWN_NAME
from harness.cases.known import Known
from harness.cases.pointsets import FILE_NAME, PointSets
from harness.cases.values import Reading
from harness.model import Case, CaseError, Place

SUFFIXES = (".yaml", ".yml")
FILE_KEYS = ("defaults", "cases")
MAX_CASES = 5000
#: Files of a catalogue that are no case files, and what they hold.
_OTHERS = {FILE_NAME: "point sets", KNOWN_NAME: "known differences"}


def catalogue_path() -> Path:
    """The catalogue that comes with the program: the wheel's copy, or `cases/` of the checkout. Raises CaseError."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_catalogue", package.parent / "cases"):
        if (folder / FILE_NAME).is_file():
            return folder
    raise CaseError("the catalogue is not installed", None, "name a file or a folder of cases")


@dataclass(frozen=True)
class CaseFile:
    """A file to read: the path to open, the path as messages give it, and the folder the user named (or None)."""

    path: Path
    shown: str
    base: Path | None


def load(paths: Sequence[str | Path], *, allow: Sequence[str] = ()) -> tuple[Case, ...]:
    """The cases of files and folders, folders in alphabetical order, files in theirs.

    allow: modules whose functions cases may name. Raises CaseError, or CaseErrors with every problem found.
    """
    problems = Problems()
    cases = _load(paths, allow, problems)
    problems.finish()
    return tuple(cases)


def lint(paths: Sequence[str | Path], *, allow: Sequence[str] = ()) -> list[CaseError]:
    """Every problem of files and folders of cases, by file, line and column; empty where there is none."""
    problems = Problems()
    _load(paths, allow, problems)
    return problems.ordered()


def _load(paths: Sequence[str | Path], allow: Sequence[str], problems: Problems) -> list[Case]:
    if isinstance(paths, (str, Path)):
        paths = [paths]
    sets, known = PointSets(_shipped()), Known()
    seen: dict[str, Place] = {}
    cases: list[Case] = []
    for file in _files(paths, problems):
        with problems.collect():
            for case in _read(file, sets, known, allow, problems, seen):
                cases.append(case)
    for given in map(Path, paths):
        if (given / FILE_NAME).is_file():  # the whole catalogue was read
            known.check_cases(given, seen, problems)
    return cases


def _shipped() -> Path | None:
    try:
        return catalogue_path()
    except CaseError:
        return None


def _files(paths: Iterable[str | Path], problems: Problems) -> Iterator[CaseFile]:
    """Every case file once, however often it is named."""
    once: set[Path] = set()
    for given in paths:
        with problems.collect():
            for file in _expand(Path(given), problems):
                if file.path not in once:
                    once.add(file.path)
                    yield file


def _expand(given: Path, problems: Problems) -> Iterator[CaseFile]:
    shown = os.fspath(given)
    try:
        real = given.resolve(strict=True)
        is_folder = real.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaseError(f"there is nothing to read: {reason}", Place(shown, 1, 1), "check the path") from None
    if not is_folder:
        if real.name in _OTHERS:
            raise CaseError(
                f"this file holds {_OTHERS[real.name]}, not cases", Place(shown, 1, 1),
                "name the folder, or a file of cases")
        yield CaseFile(real, shown, None)
        return
    count = 0
    for folder, folders, names in os.walk(real):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in list(folders):
            if (Path(folder) / name).is_symlink() and not (Path(folder) / name).resolve().is_relative_to(real):
                problems.add("this link leads out of the folder and is not followed", _place(folder, name, real, given))
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix not in SUFFIXES or name.startswith(".") or name in _OTHERS:
                continue
            count += 1
            place = _place(folder, name, real, given)
            try:
                target = path.resolve(strict=True)
            except (OSError, RuntimeError):
                problems.add("this link leads nowhere", place)
                continue
            if not target.is_relative_to(real):
                problems.add("this link leads out of the folder and is not followed", place, "copy the file here")
                continue
            yield CaseFile(target, place.path, real)
    if not count:
        raise CaseError("the folder holds no case files", Place(shown, 1, 1), "case files end in .yaml or .yml")


def _place(folder: str, name: str, real: Path, given: Path) -> Place:
    return Place(os.fspath(given / (Path(folder) / name).relative_to(real)), 1, 1)


def _root(path: Path) -> Path | None:
    """The nearest folder above a case file that has a points.yaml: the root of its catalogue."""
    return next((folder for folder in path.parents if (folder / FILE_NAME).is_file()), None)


def _family(file: CaseFile, root: Path | None) -> str:
    base = root or file.base or file.path.parent
    return file.path.relative_to(base).with_suffix("").as_posix()


def _read(
    file: CaseFile, sets: PointSets, known: Known, allow: Sequence[str], problems: Problems, seen: dict[str, Place]
) -> Iterator[Case]:
    top = Place(file.shown, 1, 1)
    root_node = document.table(document.read(file.path, file.shown), "a case file", None, top)
    _check_keys(root_node)
    defaults = root_node.get("defaults")
    if defaults is not None:
        defaults = document.table(defaults, "defaults", DEFAULT_KEYS, root_node.place)
    nodes = document.items(root_node.get("cases"), "cases", root_node.place)
    if not nodes:
        raise CaseError(
            "the file holds no cases", root_node.where("cases"), "cases: [{id: ..., function: ..., inputs: ...}]"
        )
    if len(nodes) > MAX_CASES:
        raise CaseError(f"{len(nodes)} cases in one file", nodes[MAX_CASES].place, f"at most {MAX_CASES}")
    root = _root(file.path)
    visible = sets.visible(root, _shown_file(file, root, FILE_NAME))
    around = Surroundings(Reading(file.shown, file.path.parent), visible, tuple(allow), _family(file, root))
    stands = True  # the first case of a file stands for its family, whatever is selected later
    for node in nodes:
        case = build(node, defaults, around, problems)
        if not _first(node, seen, problems):
            continue
        if case is not None:
            case = replace(case, stands_at=case.points[0].name if stands and case.points else "")
            yield known.added(case, root, _shown_file(file, root, KNOWN_NAME), problems)
        stands = False


def _check_keys(table: document.Table) -> None:
    for key in table.entries:
        if key not in FILE_KEYS:
            hint = "a case belongs in the list `cases`" if key in KEYS else suggestion(key, FILE_KEYS)
            raise CaseError(f"a case file has no key {key!r}", table.where(key), hint)
    if "cases" not in table:
        raise CaseError("a case file needs `cases`", table.place, "a list of cases")


def _first(node: document.Node, seen: dict[str, Place], problems: Problems) -> bool:
    """Whether the id of this case is new; the second use of one is a problem."""
    named = node.get("id") if isinstance(node, document.Table) else None
    if not isinstance(named, document.Scalar):
        return True
    if named.text in seen:
        problems.add(f"the id {named.text[:60]!r} is used twice", named.place, f"first at {seen[named.text]}")
        return False
    seen[named.text] = named.place
    return True


def _shown_file(file: CaseFile, root: Path | None, name: str) -> str:
    """A file of the catalogue's root as messages give it: relative to what the user named where that is possible."""
    if root is None:
        return ""
    up = len(file.path.parent.relative_to(root).parts)
    shown = Path(file.shown).parent
    return os.path.normpath(shown.joinpath(*[".."] * up, name))
