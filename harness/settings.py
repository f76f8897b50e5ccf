"""`[tool.harness]` of the nearest pyproject.toml: what the user allows and prefers, named once.

Keys: modules (importable modules whose functions cases may call), paths (default catalogue), backends, jobs.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.model import CaseError, Place

_KEYS = {"modules": list, "paths": list, "backends": list, "jobs": int}


@dataclass(frozen=True)
class Settings:
    """What pyproject.toml says; empty where it says nothing. folder: where the file was found (None: no file)."""

    modules: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    jobs: int | None = None
    folder: Path | None = None

    def code(self) -> str:
        """What of it is code that will run, as a sentence; "" where it names none."""
        named = [*self.modules, *(b for b in self.backends if ":" in b)]
        if not named or self.folder is None:
            return ""
        return f"{self.folder / 'pyproject.toml'} names code, which runs as yours and in no sandbox: {', '.join(named)}"


def read_settings(start: Path | None = None) -> Settings:
    """The settings of the nearest pyproject.toml at or above `start` (default: the current folder).

    Raises CaseError where the table has an unknown key or a value of the wrong type.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _from_file(path)
    return Settings()


def _from_file(path: Path) -> Settings:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("harness", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CaseError(f"cannot be read: {error}", Place(str(path))) from error
    values: dict[str, Any] = {}
    for key, value in table.items():
        kind = _KEYS.get(key)
        if kind is None:
            raise CaseError(f"[tool.harness] has no key {key!r}", Place(str(path)), f"known: {', '.join(_KEYS)}")
        good = isinstance(value, kind) and not isinstance(value, bool)
        if kind is list:
            good = good and all(isinstance(item, str) for item in value)
            value = tuple(value) if good else value
        if not good:
            what = "a list of strings" if kind is list else "an integer"
            raise CaseError(f"[tool.harness] {key} must be {what}", Place(str(path)))
        values[key] = value
    return Settings(folder=path.parent, **values)
