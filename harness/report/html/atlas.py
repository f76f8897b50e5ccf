"""Atlas figures inside the report: image files as base64 in one block, cut out when they are looked at."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One picture: name (a case id where there is one), PNG bytes, what it shows in words."""

    name: str
    png: bytes
    caption: str = ""
    alt: str = ""


def embed(
    atlas: Mapping[str, Any] | Iterable[Any] | None, limit: int
) -> tuple[list[dict[str, Any]], str, list[str]]:
    """(entries for the page's header, one base64 block, names of figures that are left out): those that do not fit
    into `limit` characters, later ones first.

    A figure may be a Figure, a PNG's path, or anything with `name`, `path` and `caption` (what harness.atlas returns).
    """
    if atlas is None:
        return [], "", []
    given = [_figure(n, v) for n, v in atlas.items()] if isinstance(atlas, Mapping) else [_figure("", v) for v in atlas]
    found: list[dict[str, Any]] = []
    block, at = [], 0
    unshown: list[str] = []
    for figure in given:
        text = base64.b64encode(figure.png).decode("ascii")
        if at + len(text) > limit:
            unshown.append(figure.name)
            continue
        width, height = _size(figure.png)
        found.append({
            "name": figure.name, "caption": figure.caption, "type": "image/png", "width": width, "height": height,
            "alt": figure.alt or f"Atlas of {figure.name[:200]}. {figure.caption[:600]}",
            "start": at, "length": len(text), "index": len(found),
        })
        block.append(text)
        at += len(text)
    return found, "".join(block), unshown


def in_folder(folder: str | Path) -> list[Figure]:
    """The figures of a folder that tests.bench.gallery filled, those in which a framework is wrong first; of any
    other folder its PNG files by name. Raises OSError, and ValueError for a folder without figures.
    """
    root = Path(folder)
    index = root / "atlas.json"
    if index.is_file():
        told = json.loads(index.read_text(encoding="utf-8"))["figures"]
        told.sort(key=lambda f: (not f.get("wrong"), f["file"]))
        return [Figure(f["name"], (root / Path(f["file"]).name).read_bytes(), f["caption"], f["alt"]) for f in told]
    found = [Figure(p.stem, p.read_bytes()) for p in sorted(root.iterdir()) if p.suffix.lower() == ".png"]
    if not found:
        raise ValueError(f"{folder} holds no figures: harness atlas FUNCTION --output {folder} draws them")
    return found


def _figure(name: str, value: Any) -> Figure:
    if isinstance(value, Figure):
        return value
    if isinstance(value, str | Path):
        path = Path(value)
        return Figure(name or path.stem, path.read_bytes())
    path = Path(value.path)
    return Figure(name or str(value.name), path.read_bytes(), str(getattr(value, "caption", "")),
                  str(getattr(value, "alt", "")))


def _size(png: bytes) -> tuple[int, int]:
    """Width and height from the first chunk of a PNG (ISO/IEC 15948, section 11.2.2)."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("an atlas figure is not a PNG")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)
