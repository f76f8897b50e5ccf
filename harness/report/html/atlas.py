"""Atlas figures inside the report: image files as base64 in one block, cut out when they are looked at."""

from __future__ import annotations

import base64
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


def embed(atlas: Mapping[str, Any] | Iterable[Any] | None, limit: int) -> tuple[list[dict[str, Any]], str]:
    """(entries for the page's header, one base64 block). Figures beyond `limit` characters are left out, last first.

    A figure may be a Figure, a PNG's path, or anything with `name`, `path` and `caption` (what harness.atlas returns).
    """
    if atlas is None:
        return [], ""
    given = [_figure(n, v) for n, v in atlas.items()] if isinstance(atlas, Mapping) else [_figure("", v) for v in atlas]
    found: list[dict[str, Any]] = []
    block, at = [], 0
    for figure in given:
        text = base64.b64encode(figure.png).decode("ascii")
        if at + len(text) > limit:
            continue
        width, height = _size(figure.png)
        found.append({
            "name": figure.name, "caption": figure.caption, "type": "image/png", "width": width, "height": height,
            "alt": figure.alt or f"Atlas of {figure.name[:200]}. {figure.caption[:600]}",
            "start": at, "length": len(text), "index": len(found),
        })  # fmt: skip
        block.append(text)
        at += len(text)
    return found, "".join(block)


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
