"""Both sources side by side as one HTML file: lines that compute the same in one colour, origins marked. No script."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from harness.audit.result import Findings, Origin

#: Lines shown around those that were recorded, and recorded lines of one file that may be apart before a gap is left.
_AROUND = 3
_GAP = 12
_COLOURS = 8

_STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1d2129;--soft:#5b6472;--line:#d9dde3;--mark:#b3261e;
--level:92%;--tint:70%}
@media(prefers-color-scheme:dark){:root{--back:#14171c;--text:#e6e9ee;--soft:#9aa4b2;--line:#333a45;--mark:#ff8a80;
--level:22%;--tint:38%}}
*{box-sizing:border-box}body{margin:0;padding:1rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.15rem;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.25rem 0 .5rem}p{margin:.25rem 0}.soft{color:var(--soft);overflow-wrap:anywhere}
ol.origins{padding:0;margin:0;list-style:none;display:grid;gap:.75rem}
ol.origins>li{border-left:4px solid var(--mark);padding:.1rem 0 .1rem .75rem;overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}li code{display:block;white-space:pre-wrap}
a{color:inherit}.sides{display:grid;grid-template-columns:1fr 1fr;gap:1rem;align-items:start}
.sides>section{min-width:0}.file{margin:0 0 1rem;border:1px solid var(--line);border-radius:6px;overflow-x:auto}
.file table{border-collapse:collapse;min-width:100%}.file td{padding:0 .5rem;white-space:pre;vertical-align:top}
.file td.n{color:var(--soft);text-align:right;user-select:none;width:1%}.file td.n a{text-decoration:none}
tr.gap td{color:var(--soft);border-top:1px dashed var(--line);border-bottom:1px dashed var(--line)}
tr.origin{outline:2px solid var(--mark);outline-offset:-2px}tr.origin td.n{color:var(--mark);font-weight:700}
tr:target td{box-shadow:inset 0 0 0 99px rgba(128,128,128,.25)}
@media(max-width:760px){body{padding:.6rem}.sides{grid-template-columns:1fr}}
"""


def page(audit: Findings) -> str:
    """The page. Everything that is not ours is escaped; nothing is loaded from anywhere."""
    groups = _groups(audit.lines)
    title = f"{audit.torch} (torch) ~ {audit.jax} (jax)"
    versions = ", ".join(f"{k} {v}" for k, v in audit.versions.items())
    tints = "".join(f".c{k}{{background:hsl({k * 360 // _COLOURS + 20} var(--tint) var(--level))}}"
                    for k in range(_COLOURS))
    body = [f"<h1>{escape(title)}</h1>", f'<p class="soft">{escape(versions)}</p>']
    for v in audit.values:
        words = "agree" if v.verdict in ("agree", "precision") else "differ"
        name = "Value" if v.name == "value" else f"Value {escape(v.name)}"
        body.append(f"<p>{name}: {escape(v.torch)} (torch), {escape(v.jax)} (jax): {words}</p>")
    body += ["<h2>Where it starts</h2>", *_origins(audit.origins)]
    body += [f'<p class="soft">Note: {escape(note)}.</p>' for note in audit.notes]
    body.append('<h2>Both sources</h2><p class="soft">Lines of one colour compute the same numbers, behind an origin '
                "once it is put right; a number links to the line of the other side.</p>")
    sides = "".join(f'<section aria-label="{side}">{_side(side, audit, groups)}</section>' for side in ("torch", "jax"))
    body.append(f'<div class="sides">{sides}</div>')
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{_STYLE}{tints}</style></head><body>" + "\n".join(body) +
            "</body></html>\n")


def _origins(origins: Sequence[Origin]) -> Iterator[str]:
    if not origins:
        yield "<p>No line at which the programs part was found.</p>"
        return
    yield '<ol class="origins">'
    for o in origins:
        loop = f" ({escape(o.loop)})" if o.loop else ""
        fix = f"<code>{escape(o.fix)}</code>" if o.fix else ""
        lines = "".join(f'<code><a href="#{_id(side, where)}">{escape(os.path.basename(where) or side)}</a>  '
                        f"{escape(text)}</code>" for side, where, text in (("torch", o.torch, o.torch_text),
                                                                           ("jax", o.jax, o.jax_text)))
        yield f"<li>{lines}<p>{escape(o.kind)}{loop}: {escape(o.what)}.</p>{fix}</li>"
    yield "</ol>"


def _side(side: str, audit: Findings, groups: Mapping[str, tuple[int, str]]) -> str:
    """The files of one side, the lines that were recorded and some around them."""
    column = 0 if side == "torch" else 1
    marked = {(o.torch, o.jax)[column] for o in audit.origins}
    files: dict[str, set[int]] = {}
    for place in [*(pair[column] for pair in audit.lines), *marked]:
        path, _, line = place.rpartition(":")
        if path:
            files.setdefault(path, set()).add(int(line))
    out = []
    for path, lines in files.items():
        rows = "".join(_row(side, path, n, groups, marked) for n in _shown(lines, len(linecache.getlines(path))))
        out.append(f"<p><code>{escape(os.path.basename(path))}</code> ({side})</p>"
                   f'<div class="file" tabindex="0"><table><tbody>{rows}</tbody></table></div>')
    return "".join(out) or f"<p>No line of yours was recorded on the {side} side.</p>"


def _shown(lines: set[int], length: int) -> Iterator[int]:
    """The numbers of the lines to show, 0 where some are left out."""
    wanted: set[int] = set()
    last = None
    for n in sorted(lines):
        start = n - _AROUND if last is None or n - last > _GAP else last
        wanted |= set(range(max(start, 1), min(n + _AROUND, length) + 1))
        last = n
    before = None
    for n in sorted(wanted):
        if before is not None and n != before + 1:
            yield 0
        yield n
        before = n


def _row(side: str, path: str, n: int, groups: Mapping[str, tuple[int, str]], marked: set[str]) -> str:
    if not n:
        return '<tr class="gap"><td class="n">…</td><td></td></tr>'
    place = f"{path}:{n}"
    colour, partner = groups.get(f"{side} {place}", (-1, ""))
    classes = ["origin"] if place in marked else [f"c{colour}"] if colour >= 0 else []
    number = f'<a href="#{partner}">{n}</a>' if partner else str(n)
    text = linecache.getline(path, n).rstrip("\n")
    held = f' class="{" ".join(classes)}"' if classes else ""
    return (f'<tr id="{_id(side, place)}"{held}><td class="n">{number}</td>'
            f"<td><code>{escape(text)}</code></td></tr>")


def _groups(lines: Sequence[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """"side file:line" -> (colour, anchor of a line of the other side); lines matched with one line are one group."""
    group: dict[str, int] = {}
    partner: dict[str, str] = {}
    count = 0
    for torch, jax in lines:
        a, b = f"torch {torch}", f"jax {jax}"
        k = group.get(a, group.get(b, -1))
        if k < 0:
            k, count = count, count + 1
        group.setdefault(a, k)
        group.setdefault(b, k)
        partner.setdefault(a, _id("jax", jax))
        partner.setdefault(b, _id("torch", torch))
    return {place: (k % _COLOURS, partner[place]) for place, k in group.items()}


def _id(side: str, place: str) -> str:
    path, _, line = place.rpartition(":")
    return f"{side}-{crc32(path.encode()):x}-{line}"
