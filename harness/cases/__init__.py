"""Cases: YAML to values and back.

Nothing here imports a framework; reading a case runs no code of the case and opens no file outside its folder.
"""

from __future__ import annotations

from harness.cases.catalogue import catalogue_path, lint, load
from harness.cases.errors import CaseErrors
from harness.cases.schema import known_schema, points_schema, schema
from harness.cases.serial import digest, from_json, point_arrays, to_json
from harness.cases.touring import tour

__all__ = [
    "CaseErrors", "catalogue_path", "digest", "from_json", "known_schema", "lint", "load", "point_arrays",
    "points_schema", "schema", "to_json",
    "tour",
]
