"""Text from strangers, made harmless for the formats that reports are written in."""

from __future__ import annotations

import re

from harness.untrusted import visible

#: What XML 1.0 does not allow (section 2.2), lone surrogates among them.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def one_line(text: str, limit: int = 300) -> str:
    """The visible text in one line of at most `limit` characters."""
    text = " ".join(visible(text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def xml_text(text: str, limit: int = 20_000) -> str:
    """Text that may stand in an XML document once its markup is escaped."""
    text = _NOT_XML.sub("\ufffd", visible(text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def code(text: str, limit: int = 120) -> str:
    """A markdown code span for a table cell: no mention, link or markup inside it is live; pipes are escaped."""
    text = one_line(text, limit)
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def inert(text: str) -> str:
    """Text of a table in markdown that may be read as it stands too: no HTML, link, image or mention comes alive."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace("](", "]&#40;").replace("][", "]&#91;")
    text = text.replace("`", "\\`").replace("://", ":\u200b//").replace("www.", "www\u200b.")
    return re.sub(r"@(?=\w)", "@\u200b", text)


def prose(text: str, limit: int = 400) -> str:
    """Text of a sentence in markdown: every character that could start markup is escaped, @ does not mention."""
    text = one_line(text, limit)
    text = re.sub(r"([\\`*_{}\[\]<>()#+!|~$&-])", r"\\\1", text)
    return text.replace("@", "@\u200b").replace("://", ":\u200b//")
