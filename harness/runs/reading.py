"""A recorded run, complete or not, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.model import Case
from harness.runs.arrow_arrays import Arrays
from harness.runs.arrow_schema import SCHEMA
from harness.runs.errors import DamagedRun, NotARun, UnknownFormat
from harness.runs.store import CLOSED, FORMAT, file_digest, gather
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
        header = read_json(folder / "header.json")
        if not isinstance(header.get("format"), int) or "targets" not in header:
            raise DamagedRun(f"{folder / 'header.json'} is not the header of a run")
        if header["format"] > FORMAT:
            raise UnknownFormat(
                f"{folder} has format {header['format']}, this release of harness knows formats up to {FORMAT}; "
                "read it with the release that wrote it or a later one"
            )
        mark_file = folder / "closed.json"
        if not mark_file.exists():
            return cls(folder, header, False)
        mark = read_json(mark_file)
        if not isinstance(mark, dict) or not isinstance(mark.get("sha256"), dict) or set(mark["sha256"]) != set(CLOSED):
            raise DamagedRun(f"{mark_file} is not a closing mark{_REMEDY}")
        for name, expected in mark["sha256"].items():
            file = folder / name
            if not file.is_file():
                raise DamagedRun(f"{file} is missing{_REMEDY}")
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
        entries = read_json(path)
        if file_digest(path) != self.header["catalogue"]["digest"]:
            raise DamagedRun(f"{path} is not the catalogue that header.json speaks of{_REMEDY}")
        return tuple(from_json(entry) for entry in entries["cases"])

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

    def observations(self) -> pd.DataFrame:
        """One row an observation: the columns of `table` and seconds. Text columns are categories, data are bytes."""
        table = self.table()
        frame: pd.DataFrame = table.drop_columns(["shape", "data"]).to_pandas()
        position = SCHEMA.get_field_index("shape")
        frame.insert(position, "shape", pd.Series([tuple(s) for s in _shapes(table)], dtype=object))
        frame.insert(position + 1, "data", pd.Series(table.column("data").to_pylist(), dtype=object))
        frame["seconds"] = self.seconds
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
        if not self.complete:
            table, seconds, notes = gather(self.path, self.header)
            self.notes += notes
            return table, seconds
        table = _read_parquet(self.path / "observations.parquet")
        if table.schema.names != SCHEMA.names:
            raise DamagedRun(f"{self.path / 'observations.parquet'} has other columns than a run of format {FORMAT}")
        seconds = np.full(table.num_rows, np.nan)
        try:
            times = _read_parquet(self.path / "times.parquet").column("seconds").to_numpy()
            if times.shape == seconds.shape:
                seconds = times
        except DamagedRun as error:  # nothing is concluded from times: a sentence will do
            self.notes.append(str(error))
        return table.cast(SCHEMA).unify_dictionaries(), seconds


_REMEDY = "; its journal may be intact: harness run --resume with the same options rebuilds it"


def read_json(path: Path) -> Any:
    """A JSON file of a run. Raises DamagedRun."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DamagedRun(f"{path} cannot be read: {error}") from error


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DamagedRun(f"{path} cannot be read: {error}") from error


def _shapes(table: pa.Table) -> list[Any]:
    return table.column("shape").to_pylist()  # type: ignore[no-any-return]
