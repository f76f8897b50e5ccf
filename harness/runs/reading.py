"""A recorded run, complete or not, read back."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.model import Case, CaseError
from harness.runs.arrow_arrays import Arrays
from harness.runs.arrow_reading import MAX_FILE, read_table
from harness.runs.arrow_schema import SCHEMA
from harness.runs.checking import (
    CATALOGUE,
    HEADER,
    MARK,
    MAX_CATALOGUE,
    MAX_HEADER,
    MAX_MARK,
    check_cases,
    check_rows,
)
from harness.runs.errors import DamagedRun, NotARun, UnknownFormat
from harness.runs.store import CLOSED, FORMAT, file_digest, gather
from harness.untrusted import Form, Malformed, check, read_json, visible
from harness.wirtinger import Array
from harness.workers.frames import array_from


class Run:
    """The observations of one invocation plus its header.

    path: the folder. header: versions, devices, flags, targets, catalogue digest. complete: whether the run was
    finished; one that was not is read from its journal. notes: sentences about what is missing or could not be read.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], complete: bool) -> None:
        self.path, self.header, self.complete = path, header, complete
        self.notes: list[str] = []
        if not complete:
            self.notes.append("the run is incomplete: interrupted, or still being made (--resume continues it)")

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open a run folder. Raises NotARun, UnknownFormat, DamagedRun (which name the file)."""
        folder = Path(path)
        if not (folder / "header.json").is_file():
            what = "does not exist" if not folder.exists() else "is not a run (it has no header.json)"
            raise NotARun(f"{folder} {what}")
        header = read_header(folder)
        mark_file = folder / "closed.json"
        if not mark_file.exists() and not mark_file.is_symlink():
            return cls(folder, header, False)
        mark = _read(mark_file, MAX_MARK, MARK, "the closing mark")
        if set(mark["sha256"]) != set(CLOSED):
            raise DamagedRun(f"{mark_file} is not a closing mark{_REMEDY}")
        for name, expected in mark["sha256"].items():
            file = folder / name
            _regular(file, _LIMITS[name])
            if file_digest(file) != expected:
                raise DamagedRun(f"{file} is not what closed.json says it was when the run was closed{_REMEDY}")
        return cls(folder, header, True)

    def __repr__(self) -> str:
        state = "complete" if self.complete else "incomplete"
        return f"<Run {self.path} ({state}, {len(self.targets)} targets, {self.header['catalogue']['cases']} cases)>"

    def _repr_html_(self) -> str:
        """For notebooks: what was observed where, counted by status."""
        from html import escape

        frame = self.observations()
        counts = frame.groupby(["backend", "environment", "device", "mode", "status"], observed=True).size()
        state = "complete" if self.complete else "incomplete"
        notes = "".join(f"<br>{escape(note)}" for note in self.notes)
        failed = "".join(f"<br>{escape(f'{t} could not be run: {why}')}" for t, why in self.failed_targets.items())
        table = counts.unstack("status", fill_value=0).reset_index().to_html(index=False, border=0)
        cases = self.header["catalogue"]["cases"]
        return (
            f"<p><b>Run</b> {escape(str(self.path))}: {state}, {cases} cases, {len(frame)} observations"
            f"{notes}{failed}</p>{table}"
        )

    # -- what was asked

    @property
    def targets(self) -> tuple[Mapping[str, Any], ...]:
        """Every target that was observed: backend, device, mode, environment, versions, flags, ..."""
        return tuple(t for t in self.header["targets"] if not t["failed"])

    @property
    def failed_targets(self) -> dict[str, str]:
        """Targets that were asked for and could not be run: what they are called -> why."""
        return {t["name"]: t["failed"] for t in self.header["targets"] if t["failed"]}

    @property
    def absent(self) -> dict[str, str]:
        """Backends that nobody asked for by name and that are not installed: name -> why."""
        return dict(self.header["absent"])

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The cases as they were resolved when the run was made."""
        from harness.cases import from_json

        path = self.path / "catalogue.json"
        _regular(path, MAX_CATALOGUE)
        if file_digest(path) != self.header["catalogue"]["digest"]:
            raise DamagedRun(f"{path} is not the catalogue that header.json speaks of{_REMEDY}")
        entries = _read(path, MAX_CATALOGUE, CATALOGUE, "the catalogue")
        try:
            cases = tuple(from_json(entry) for entry in entries["cases"])
            check_cases(cases)
        except (CaseError, Malformed) as error:
            raise DamagedRun(f"{path} cannot be read: {error}") from None
        return cases

    # -- what was observed

    def table(self) -> pa.Table:
        """The observations as an Arrow table (columns of runs.arrow_schema.COLUMNS; text dictionary-encoded)."""
        return self._rows[0]

    @property
    def seconds(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Seconds that each observation took, in the order of the rows."""
        return self._rows[1]

    @cached_property
    def arrays(self) -> Arrays:
        """The recorded arrays by row number, and in bulk."""
        return Arrays(self.table())

    def observations(self, case: str | None = None) -> pd.DataFrame:
        """One row an observation: the columns of `table` and seconds. Text columns are categories, data are bytes.

        case: only those of this case.
        """
        table, seconds = self.table(), self.seconds
        if case is not None:
            chosen = pc.equal(table.column("case").cast(pa.string()), case)
            table, seconds = table.filter(chosen), seconds[chosen.to_numpy()]
        frame: pd.DataFrame = table.drop_columns(["shape", "data"]).to_pandas()
        position = SCHEMA.get_field_index("shape")
        frame.insert(position, "shape", pd.Series([tuple(s) for s in _shapes(table)], dtype=object))
        frame.insert(position + 1, "data", pd.Series(table.column("data").to_pylist(), dtype=object))
        frame["seconds"] = seconds
        return frame

    def array(self, row: Any) -> Array | None:
        """The array of an observation: a row number, or a row of `observations()` (a Series, a mapping or a tuple of
        itertuples). None where the observation has none."""
        if isinstance(row, int | np.integer):
            return self.arrays.array(int(row))
        get = row.get if isinstance(row, Mapping | pd.Series) else lambda name: getattr(row, name)
        data = get("data")
        if data is None or not isinstance(data, bytes):
            return None
        shape: Any = get("shape")
        return array_from(str(get("kind")), shape, data)

    @cached_property
    def _rows(self) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.float64]]]:
        table, seconds = self._read_rows()
        try:
            return check_rows(table, self.header, self.cases), seconds
        except Malformed as error:
            raise DamagedRun(f"the observations in {self.path} are damaged: {error}") from None

    def _read_rows(self) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.float64]]]:
        if not self.complete:
            for name in ("journal.bin", "journal.bin.zst"):
                if (self.path / name).exists():
                    _regular(self.path / name, MAX_FILE)
            table, seconds, notes = gather(self.path, self.header)
            self.notes += notes
            return table, seconds
        table = _read_parquet(self.path / "observations.parquet", SCHEMA)
        seconds = np.full(table.num_rows, np.nan)
        try:
            times = _read_parquet(self.path / "times.parquet", _TIMES).column("seconds").to_numpy()
            if times.shape == seconds.shape:
                seconds = times
        except DamagedRun as error:  # nothing is concluded from times: a sentence will do
            self.notes.append(str(error))
        return table.unify_dictionaries(), seconds


_REMEDY = "; its journal may be intact: harness run --resume with the same options rebuilds it"
_TIMES = pa.schema([("seconds", pa.float64())])
_LIMITS = {"catalogue.json": MAX_CATALOGUE, "header.json": MAX_HEADER, "observations.parquet": MAX_FILE}


def read_header(folder: Path) -> dict[str, Any]:
    """The header of a run folder, of the form that it should have. Raises DamagedRun, UnknownFormat."""
    path = folder / "header.json"
    found: dict[str, Any] = _read(path, MAX_HEADER, _object, "the header")
    written = found.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise UnknownFormat(
            f"{folder} has format {written}, this release of harness knows formats up to {FORMAT}; "
            "read it with the release that wrote it or a later one"
        )
    try:
        check(found, HEADER, "the header")
    except Malformed as error:
        raise DamagedRun(f"{path} is not the header of a run: {error}") from None
    for target in found["targets"]:
        target["failed"] = visible(target["failed"])
    found["absent"] = {name: visible(why) for name, why in found["absent"].items()}
    return found


def _object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise Malformed(f"{where} must be an object")


def _regular(path: Path, most: int) -> None:
    """Raises DamagedRun for what is no file of at most `most` bytes: a pipe would never end."""
    try:
        about = os.stat(path)
    except OSError:
        raise DamagedRun(f"{path} is missing{_REMEDY}") from None
    if not stat.S_ISREG(about.st_mode):
        raise DamagedRun(f"{path} is not a file")
    if about.st_size > most:
        raise DamagedRun(f"{path} has {about.st_size:,} bytes, and at most {most:,} are read")


def _read(path: Path, most: int, form: Form, what: str) -> Any:
    """A JSON file of a run. Raises DamagedRun."""
    _regular(path, most)
    try:
        found = read_json(path, most)
        check(found, form, what)
    except (OSError, Malformed) as error:
        raise DamagedRun(f"{path} cannot be read: {error}") from None
    return found


def _read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    _regular(path, MAX_FILE)
    try:
        return read_table(path, schema)
    except (OSError, pa.ArrowException, Malformed) as error:
        raise DamagedRun(f"{path} cannot be read: {visible(' '.join(str(error).split()))}") from None


def _shapes(table: pa.Table) -> list[Any]:
    return table.column("shape").to_pylist()  # type: ignore[no-any-return]
