"""What others wrote, before it is believed: JSON bounded before memory is taken, data checked against a form, and text
without characters that act on a terminal instead of being seen.

A form is a function of (value, where) that raises Malformed. Standard library only, Python 3.10.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Form = Callable[[Any, str], None]

#: Acts on a terminal or on the order of what is read: C0 but for line break and tab, C1, direction marks and overrides,
#: line separators, lone surrogates.
_ACTING = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
#: Is not seen: zero width, soft hyphen, invisible operators and tags.
_UNSEEN = "\u00ad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_HIDDEN = re.compile(f"[{_ACTING}{_UNSEEN}]")
_NOT_IN_A_NAME = re.compile(f"[{_ACTING}{_UNSEEN}\t\n]")
#: What styles write themselves: colours and weights, the end of a line erased, a link to a file or a page.
_STYLE = r"\x1b\[[0-9;]{0,40}m|\r?\x1b\[K|\x1b\]8;[a-z0-9=:]{0,40};(?:(?:file|https?)://[!-~]{0,2000})?\x1b\\"
_ON_A_STREAM = re.compile(f"({_STYLE})|\r\n|[{_ACTING}]")


class Malformed(ValueError):
    """Data is not of the form that it should have; the message says where and what."""


# -- text --------------------------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    """Control, direction and zero-width characters written out as <U+202E>; line breaks and tabs kept."""
    return _HIDDEN.sub(_named, text.replace("\r\n", "\n"))


def printable(text: str) -> str:
    """What may be written to a terminal: `visible` but for styles of our own and for what takes no room."""
    return _ON_A_STREAM.sub(lambda m: m[1] or ("\n" if m[0] == "\r\n" else _named(m)), text)


def _named(match: re.Match[str]) -> str:
    return "".join(f"<U+{ord(character):04X}>" for character in match[0])


# -- JSON --------------------------------------------------------------------------------------------------------------


def read_json(path: Path, most: int, values: int = 1_000_000) -> Any:
    """A JSON file of at most `most` bytes and `values` values. Raises Malformed, OSError."""
    size = path.stat().st_size
    if size > most:
        raise Malformed(f"it has {size:,} bytes, and at most {most:,} are read")
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Malformed(f"it has more than {most:,} bytes")
    return loads(data, values)


def loads(data: bytes, values: int = 1_000_000) -> Any:
    """JSON of at most so many values and levels as can be read cheaply. Raises Malformed."""
    if (found := data.count(b",") + data.count(b"[") + data.count(b"{")) > values:
        raise Malformed(f"it holds {found:,} values, and at most {values:,} are read")
    try:
        return json.loads(data)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError, JSONDecodeError, integers of thousands of digits
        raise Malformed(f"it is not JSON: {error}") from None


# -- forms -------------------------------------------------------------------------------------------------------------


def check(value: Any, form: Form, what: str) -> None:
    """Raises Malformed where the value does not have the form; `what` names the whole in the message."""
    form(value, what)


def _wrong(where: str, wanted: str, value: Any) -> Malformed:
    said = repr(value) if isinstance(value, bool | int | float | str | None) else f"a {type(value).__name__}"
    return Malformed(f"{where} must be {wanted}, not {said[:60]}{'...' if len(said) > 60 else ''}")


def text(most: int = 1000, *, lines: bool = False) -> Form:
    """Text of at most `most` characters, all of them visible. lines: line breaks and tabs too."""
    hidden = _HIDDEN if lines else _NOT_IN_A_NAME

    def form(value: Any, where: str) -> None:
        if not isinstance(value, str):
            raise _wrong(where, "text", value)
        if len(value) > most:
            raise Malformed(f"{where} has {len(value):,} characters, at most {most:,}")
        if not (value.isascii() and value.isprintable()) and (found := hidden.search(value)):
            raise Malformed(f"{where} holds the character U+{ord(found[0]):04X}")

    return form


def prose(most: int = 100_000) -> Form:
    """Text in anybody's words; it is made visible where it is read."""

    def form(value: Any, where: str) -> None:
        if not isinstance(value, str):
            raise _wrong(where, "text", value)
        if len(value) > most:
            raise Malformed(f"{where} has {len(value):,} characters, at most {most:,}")

    return form


def pattern(expression: str, wanted: str) -> Form:
    """Text that matches a regular expression as a whole."""
    compiled = re.compile(expression, re.ASCII)

    def form(value: Any, where: str) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise _wrong(where, wanted, value)

    return form


def word(*words: str) -> Form:
    """One of these words."""

    def form(value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise _wrong(where, "one of " + ", ".join(map(repr, words)), value)

    return form


def integer(low: int, high: int) -> Form:
    def form(value: Any, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _wrong(where, f"a whole number from {low:,} to {high:,}", value)

    return form


def number(low: float, high: float) -> Form:
    def form(value: Any, where: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise _wrong(where, f"a number from {low:g} to {high:g}", value)

    return form


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)


def optional(inner: Form) -> Form:
    """null, or what the inner form says."""
    return lambda value, where: None if value is None else inner(value, where)


def either(first: Form, second: Form) -> Form:
    """What one of two forms says; the message is that of the second."""

    def form(value: Any, where: str) -> None:
        try:
            first(value, where)
        except Malformed:
            second(value, where)

    return form


def listing(inner: Form, most: int = 10_000, least: int = 0, *, distinct: bool = False) -> Form:
    """A list of `least` to `most` items of one form."""

    def form(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        if not least <= len(value) <= most:
            raise Malformed(f"{where} has {len(value):,} items, {least:,} to {most:,} are read")
        for k, item in enumerate(value):
            inner(item, f"{where}[{k}]")
        if distinct and len(set(value)) < len(value):
            raise Malformed(f"{where} says the same thing twice")

    return form


def row(*inner: Form) -> Form:
    """A list with one item for each of the forms."""

    def form(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) != len(inner):
            raise _wrong(where, f"a list of {len(inner)} items", value)
        for k, (one, item) in enumerate(zip(inner, value, strict=True)):
            one(item, f"{where}[{k}]")

    return form


def mapping(keys: Form, values: Form, most: int = 1000, least: int = 0) -> Form:
    """An object with keys and values of one form each."""

    def form(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        if not least <= len(value) <= most:
            raise Malformed(f"{where} has {len(value):,} entries, {least:,} to {most:,} are read")
        for key, item in value.items():
            keys(key, f"a key of {where}")
            values(item, f"{where}.{key}")

    return form


def record(required: Mapping[str, Form], more: Mapping[str, Form] | None = None, *, closed: bool = False) -> Form:
    """An object with these entries. more: those that may be absent. closed: no others."""
    optional_ = dict(more or {})

    def form(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        for key, inner in required.items():
            if key not in value:
                raise Malformed(f"{where} has no {key}")
            inner(value[key], f"{where}.{key}")
        for key, inner in optional_.items():
            if key in value:
                inner(value[key], f"{where}.{key}")
        if closed and (strange := _others(value, (*required, *optional_))):
            raise Malformed(f"{where} has an entry {strange[0][:60]!r} that is not known")

    return form


def _others(value: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    return [key for key in value if key not in set(known)]
