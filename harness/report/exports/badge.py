"""A badge for a README: how many functions agree, coloured by the worst outcome."""

from __future__ import annotations

from html import escape

import pandas as pd

from harness.report.exports.escaping import one_line, xml_text
from harness.report.headline import Headline, headline
from harness.report.html.rows import normalised
from harness.report.verdict_style import GROUPS

# Advance widths of Verdana at 11 px, in tenths of a pixel, by class of character: near enough for padding.
_NARROW, _WIDE, _REST = "iljtfrI1.,:;|!'() ", "mwMWQO@%", 68


def badge(frame: pd.DataFrame, *, label: str = "gradients") -> str:
    """A self-contained SVG (no script, no font, no link). Blue-green: all agree; orange-red: something is wrong."""
    head = headline(normalised(frame))
    text, colour = _message(head)
    return _draw(xml_text(one_line(label, 60)), text, colour)


def _message(h: Headline) -> tuple[str, str]:
    if not h.functions:
        return "nothing compared", "#56606A"
    same = h.outcomes["agree"] + h.outcomes["convention"] + h.outcomes["precision"]
    text = f"{same:,}/{h.functions:,} agree"
    if h.surprising:
        return f"{text}, {h.surprising:,} surprising", GROUPS["wrong"].ink
    if h.outcomes["wrong"]:
        return f"{text}, {h.outcomes['wrong']:,} known wrong", GROUPS["value"].ink
    return text, GROUPS["agree"].ink


def _width(text: str) -> int:
    tenths = sum(38 if c in _NARROW else 98 if c in _WIDE else _REST for c in text)
    return round(tenths / 10) + 12


def _draw(label: str, text: str, colour: str) -> str:
    a, b = _width(label), _width(text)
    name = escape(f"{label}: {text}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" role="img" aria-label="{name}">'
        f"<title>{name}</title>"
        f'<clipPath id="c"><rect width="{a + b}" height="20" rx="3"/></clipPath><g clip-path="url(#c)">'
        f'<rect width="{a}" height="20" fill="#3F474F"/><rect x="{a}" width="{b}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f'<text x="{a / 2:g}" y="14" textLength="{a - 12}">{escape(label)}</text>'
        f'<text x="{a + b / 2:g}" y="14" textLength="{b - 12}">{escape(text)}</text></g></svg>\n'
    )
