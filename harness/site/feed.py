"""What changed, as an Atom feed (RFC 4287): one entry a release, one a cause, with stable identifiers."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from harness.site.facts import Site
from harness.site.markup import release_file


def feed(site: Site, base: str, updated: str) -> str:
    """The feed. base: the address under which the site is published, "" where that is not known (links stay relative).

    updated: RFC 3339, when the tables were made; releases and causes carry no date of their own in them.
    """
    root = base.rstrip("/") + "/" if base else ""
    held: dict[str, int] = {}
    for change in site.changes:
        held[change.release] = held.get(change.release, 0) + 1
    entries = [(f"What changed in {r}", release_file(r), f"{held.get(r, 0)} changes against the release before it.")
               for r in reversed(site.releases)]
    entries += [(f["sentence"], f"c/{f['id']}.html", f"{f['framework']}: {f.get('versions', '')}")
                for f in site.findings]
    parts = "".join(
        f"<entry><id>{_name(address)}</id><title>{escape(title)}</title><updated>{escape(updated)}</updated>"
        f'<link href="{escape(root + quote(address), quote=True)}"/><summary>{escape(words)}</summary></entry>'
        for title, address, words in entries
    )
    own = f'<link rel="self" href="{escape(root, quote=True)}feed.xml"/>' if root else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{_name('')}</id><title>Wirtinger harness: what changed</title><updated>{escape(updated)}</updated>"
        f"<author><name>Wirtinger harness</name></author>{own}{parts}</feed>\n"
    )


def _name(address: str) -> str:
    """An identifier that stays when the site moves."""
    return "urn:wirtinger-harness:" + quote(address, safe="/")
