"""The frame of every page and the few elements that pages are made of. Everything that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from urllib.parse import quote

from harness.report.verdict_style import GROUPS
from harness.site.facts import STATES, Cell
from harness.version import __version__

#: Title -> address of the parts of the site, from its root.
PARTS = (("Functions", "index.html"), ("Releases", "releases.html"), ("Causes", "causes.html"),
         ("Documentation", "docs/index.html"))
#: The site runs no script but the search of its front page, and asks nobody for anything.
POLICY = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; " \
         "base-uri 'none'; form-action 'none'"


def page(title: str, body: str, *, depth: int = 0, part: str = "", script: str = "", feed: str = "feed.xml") -> str:
    """A whole page. depth: folders between it and the root; part: the title of the part that it belongs to."""
    up = "../" * depth
    links = "".join(
        f'<a href="{up}{address}"{" aria-current=page" if name == part else ""}>{name}</a>' for name, address in PARTS
    )
    tail = f'<script src="{up}{script}"></script>' if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY, quote=True)}">'
        f'<link rel="stylesheet" href="{up}site.css">'
        f'<link rel="alternate" type="application/atom+xml" title="What changed" href="{up}{feed}"></head><body>'
        f'<a class="skip" href="#main">Skip to the content</a><header><a class="brand" href="{up}index.html">Wirtinger '
        f'harness</a><nav aria-label="Parts of the site">{links}</nav></header><main id="main">{body}</main>'
        f'<footer>Made by wirtinger-harness {escape(__version__)} from recorded runs. No request leaves this site.'
        f"</footer>{tail}</body></html>\n"
    )


def link(address: str, words: str) -> str:
    """A link inside the site; the address is a path of names, which are quoted."""
    return f'<a href="{escape(quote(address, safe="/#."), quote=True)}">{escape(words)}</a>'


def outside(address: str) -> str:
    """A link to elsewhere where the text is an address of the web, the text alone where it is not."""
    if address.startswith(("https://", "http://")) and not any(c.isspace() or c in "\"'<>" for c in address):
        return f'<a rel="noopener" href="{escape(address, quote=True)}">{escape(address)}</a>'
    return escape(address)


def links_of(text: str) -> str:
    """A text in which every address of the web is a link."""
    return " ".join(outside(word) for word in text.split(" "))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, name: str = "") -> str:
    """A table that scrolls on its own where it is too wide; cells are markup, the first one of a row its header."""
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    top = top.replace('<th scope="col"></th>', "<td></td>")
    body = "".join(
        "<tr>" + "".join(f'<th scope="row">{c}</th>' if not k else f"<td>{c}</td>" for k, c in enumerate(row)) + "</tr>"
        for row in rows
    )
    label = escape(caption, quote=True)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table{f" id={name}" if name else ""}>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def state(name: str, words: str = "") -> str:
    """A state as a coloured cell: symbol and word, the meaning where one points at it."""
    symbol, group, word, meaning = STATES[name]
    return (
        f'<span class="state g-{group}" title="{escape(meaning, quote=True)}"><span aria-hidden="true">{symbol}</span> '
        f"{escape(words or word)}</span>"
    )


def release_file(release: str) -> str:
    """The address of a release's page, from the root."""
    return f"r/{release.replace(' ', '-')}.html"


def strip(framework: str, cells: Sequence[Cell], up: str) -> str:
    """The releases of a framework as one row of coloured cells."""
    head = "".join(
        f'<th scope="col">{link(up + release_file(c.release), c.release.split(" ", 1)[1])}</th>' for c in cells
    )
    body = "".join(f"<td>{state(c.state)}</td>" for c in cells)
    return (
        f'<div class="wide" role="region" aria-label="{framework} by release" tabindex="0"><table class="strip">'
        f'<caption>{framework}, by release</caption><thead><tr><td></td>{head}</tr></thead><tbody><tr>'
        f'<th scope="row">{framework}</th>{body}</tr></tbody></table></div>'
    )


def legend() -> str:
    """What the cells mean, as a definition list."""
    return '<dl class="legend">' + "".join(
        f"<dt>{state(name)}</dt><dd>{escape(meaning)}</dd>" for name, (_, _, _, meaning) in STATES.items()
    ) + "</dl>"


def style() -> str:
    """The style sheet: the file, and the colours of the groups for light and dark."""
    light = "".join(f"--{g.name}:{g.ink};" for g in GROUPS.values())
    dark = "".join(f"--{g.name}:{g.ink_dark};" for g in GROUPS.values())
    groups = "".join(f".g-{name}{{color:var(--{name});border-color:var(--{name})}}" for name in GROUPS)
    text = resources.files("harness.site").joinpath("static", "site.css").read_text(encoding="utf-8")
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}{groups}\n{text}"


def counts(found: Mapping[str, int]) -> str:
    """ "3 wrong, 12 right" of a count by state, worst first."""
    return ", ".join(f"{found[s]} {word}" for s, (_, _, word, _) in STATES.items() if found.get(s))
