"""A static site of what recorded runs say of each function: no server, no framework, no request to anywhere.

`write` makes a folder of pages: a front page with a search over every function, a page each for functions, releases and
causes, the documentation, and a feed. Addresses are made of names alone (f/arccosh.html, r/jax-0.12.0.1.html,
c/jax-arccosh.html), so they can be cited.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

from harness.model import Case, HarnessError
from harness.site import pages
from harness.site.documents import documents
from harness.site.facts import Site, gather
from harness.site.feed import feed
from harness.site.markup import release_file, style

#: A name that is a file name everywhere.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class SiteError(HarnessError):
    """A folder that is not the site's to write, or a name that cannot be an address."""


def write(
    output: Path, cases: Sequence[Case], *, history: Sequence[Mapping[str, str]] | None = None,
    findings: Sequence[Mapping[str, str]] | None = None, errors: Sequence[Mapping[str, str]] = (),
    docs: Path | None = None, base: str = "", updated: str = "1970-01-01T00:00:00Z",
) -> Site:
    """Write the site into a folder that is new, empty, or a site written before; return what it was made of.

    history, findings, errors: rows as of timeline.csv, findings.csv and `harness accuracy`; by default the committed
    tables. docs: a folder of markdown, or None. base: where it will be published (absolute links in the feed).
    updated: RFC 3339, the feed's date. Raises SiteError, OSError.
    """
    mark = output / "site.css"
    if output.exists() and (not output.is_dir() or (any(output.iterdir()) and not mark.is_file())):
        raise SiteError(f"{output} is there and is no site: name a folder that is new or empty")
    for name in (*(c.id for c in cases), *(f["id"] for f in findings or ())):
        if not _NAME.fullmatch(name):  # before anything looks for a picture or a script of that name
            raise SiteError(f"{name[:80]!r} cannot be the address of a page")
    site = gather(cases, history, findings, errors)
    for folder in ("f", "r", "c", "atlas", "docs"):
        if (output / folder).is_dir():
            shutil.rmtree(output / folder)
    for address, text in _files(site, docs, base, updated):
        path = output / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    (output / "atlas").mkdir(exist_ok=True)
    for found in site.pages.values():
        if found.picture is not None:
            shutil.copyfile(found.picture, output / "atlas" / found.picture.name)
    return site


def _files(site: Site, docs: Path | None, base: str, updated: str) -> Iterator[tuple[str, str]]:
    yield "site.css", style()
    yield "search.js", resources.files("harness.site").joinpath("static", "search.js").read_text(encoding="utf-8")
    yield "index.html", pages.front(site)
    yield "releases.html", pages.releases(site)
    yield "causes.html", pages.causes(site)
    yield "feed.xml", feed(site, base, updated)
    yield ".nojekyll", ""
    for name, found in site.pages.items():
        yield pages.function_file(name), pages.function(found)
    for name in site.releases:
        yield release_file(name), pages.release(site, name)
    for row in site.findings:
        yield f"c/{row['id']}.html", pages.cause(site, row)
    yield from documents(docs)


__all__ = ["Site", "SiteError", "write"]
