"""The project's documentation as pages of the site: markdown in, markup out, raw markup refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from harness.site.markup import link, page, table


def documents(folder: Path | None) -> Iterator[tuple[str, str]]:
    """(address from the root, page) of every markdown file of a folder and of its folders, and of their index."""
    if folder is None or not folder.is_dir():
        yield "docs/index.html", page("Documentation", "<h1>Documentation</h1><p>It comes with the source of the "
                                      "project; this site was made without it.</p>", depth=1, part="Documentation")
        return
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    titles: dict[str, str] = {}
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        inner = path.relative_to(folder).with_suffix(".html").as_posix()
        if inner == "index.html":
            continue
        found = re.search(r"^# (.+)$", text, re.MULTILINE)
        titles[inner] = found[1] if found else path.stem
        markup = _linked(reader.render(text))
        depth = 1 + inner.count("/")
        yield f"docs/{inner}", page(re.sub("[`*]", "", titles[inner]), f'<article class="doc">{markup}</article>',
                                    depth=depth, part="Documentation")
    yield "docs/index.html", page("Documentation", "<h1>Documentation</h1>" + _index(titles), depth=1,
                                  part="Documentation")


def _index(titles: Mapping[str, str]) -> str:
    rows = [[link(address, re.sub("[`*]", "", title)), escape(address.removesuffix(".html"))]
            for address, title in titles.items()]
    return table("Pages", ["page", "about"], rows)


def _linked(markup: str) -> str:
    """Links between the documents lead to their pages; wide tables scroll on their own."""
    markup = re.sub(r'href="((?!https?:)[^"#]+)\.md(#[^"]*)?"', lambda m: f'href="{m[1]}.html{m[2] or ""}"', markup)
    markup = re.sub("<pre>", '<pre tabindex="0">', markup).replace("<th></th>", "<td></td>")
    numbered = iter(range(1, 1 + markup.count("<table>")))
    return re.sub("<table>", lambda _: f'<div class="wide" role="region" aria-label="table {next(numbered)}" '
                  'tabindex="0"><table>', markup).replace("</table>", "</table></div>")
