"""The text of an expression: what is refused before Python's parser sees it, and where things stand in it.

A text is a program: assignments `name = expression` or `a, b = expression`, one a line or separated by `;`, then a
final expression, where a tuple means several outputs. The scanner accepts a small alphabet of tokens only, so that
what reaches `ast.parse` cannot hold an f-string, a lambda, a comprehension, a look-alike letter or ten megabytes of
brackets. Everything that is left is judged on the syntax tree by `harness.expr.translate`.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from harness.model import CaseError, Place

MAX_CHARACTERS = 20_000
MAX_NESTING = 60
MAX_STATEMENT_TOKENS = 2_000  # bounds the depth of the tree before there is one
MAX_NODES = 12_000
MAX_DEPTH = 200
MAX_NUMBER = 100  # characters of one literal
MAX_STRING = 200
MAX_NAME = 64


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


#: Where a text begins when nobody says otherwise.
NOWHERE = Place("<expression>", 1, 1)

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<newline>\r?\n)
      | (?P<comment>\#[^\r\n\x00]*)
      | (?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[jJ]?(?![A-Za-z0-9_.]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"'\\\r\n]*"|'[^"'\\\r\n]*')
      | (?P<ellipsis>\.\.\.)
      | (?P<operator>:=|<<|>>|->|\*\*=|//=|[-+*/%@&|^]=|\*\*|//|==|!=|<=|>=|[-+*/%@&|^~<>=()\[\],.:;])""",
    re.VERBOSE,
)

#: Keywords of Python that have no place in an expression, and what to write instead.
_KEYWORDS = {
    "and": "use & or logical_and",
    "or": "use | or logical_or",
    "not": "use ~ or logical_not",
    "if": "use where(condition, x, y)",
    "else": "use where(condition, x, y)",
    "lambda": "functions cannot be defined",
    "for": "there are no loops and no comprehensions",
    "while": "there are no loops",
    "in": "",
    "is": "",
    **dict.fromkeys(
        words(
            "as assert async await break class continue def del elif except finally from global import nonlocal "
            "pass raise return try with yield"
        ),
        "only assignments and expressions are allowed",
    ),
}
_OPERATORS = {
    ":=": "write an assignment on its own line",
    "<<": "multiply by a power of two",
    ">>": "divide by a power of two",
    "->": "",
}


@dataclass(frozen=True)
class Text:
    """A scanned text, its parsed statements and the way back from a syntax node to a place in the case file."""

    source: str
    place: Place
    indents: tuple[int, ...]
    body: tuple[ast.stmt, ...]

    def at(self, node: ast.AST) -> Place:
        """The place of `node`."""
        return _place(self.place, getattr(node, "lineno", 1), getattr(node, "col_offset", 0), self.indents)

    def refuse(self, node: ast.AST, problem: str, hint: str = "") -> NoReturn:
        """Raise the CaseError that says what is wrong at `node`."""
        raise CaseError(problem, self.at(node), hint)


def _place(start: Place, line: int, column: int, indents: tuple[int, ...] = ()) -> Place:
    if not start.line:  # the caller does not know where the text is: do not invent a line
        return start
    indent = indents[line - 1] if 0 < line <= len(indents) else 0
    return Place(start.path, start.line + line - 1, start.column + column + indent)


def suggest(name: str, known: Iterable[str]) -> str:
    """ "did you mean ...?" or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.7)
    return f"did you mean {' or '.join(close)}?" if close else ""


class _Scanner:
    """Checks a text token by token; `lines` without the indentation of logical lines, `indents` what was taken off."""

    def __init__(self, source: str, place: Place, allow_not: bool) -> None:
        self.source, self.place, self.allow_not = source, place, allow_not
        self.nesting = self.tokens = 0
        self.lines, self.indents = [""], [0]

    def refuse(self, position: int, problem: str, hint: str = "") -> NoReturn:
        before = self.source[:position]
        column = position - (before.rfind("\n") + 1)
        raise CaseError(problem, _place(self.place, before.count("\n") + 1, column), hint)

    def scan(self) -> tuple[str, tuple[int, ...]]:
        position, previous, fresh = 0, "", True
        while position < len(self.source):
            match = _TOKEN.match(self.source, position)
            if match is None:
                self._no_token(position)
            kind, word = str(match.lastgroup), match.group()
            if kind == "newline":
                self.lines.append("")
                self.indents.append(0)
                fresh = self.nesting == 0
                self.tokens = self.tokens if self.nesting else 0
            elif kind == "space" and fresh and not self.lines[-1]:
                self.indents[-1] += len(word)
            elif kind != "comment":
                self.lines[-1] += word
                self._token(kind, word, previous, position)
            previous = kind if kind in ("name", "string", "number") else ""
            position = match.end()
        if self.nesting:
            self.refuse(max(len(self.source.rstrip()) - 1, 0), "a bracket is not closed")
        return "\n".join(self.lines), tuple(self.indents)

    def _no_token(self, position: int) -> NoReturn:
        character = self.source[position]
        if character.isdigit():
            self.refuse(position, "this is not a number", "decimal numbers only: 12, 0.5, 1e-3, 2j")
        if character in "\"'":
            self.refuse(position, "a string that is not closed or holds a quote or a backslash")
        shown = repr(character) if character.isprintable() and character.isascii() else f"U+{ord(character):04X}"
        self.refuse(position, f"the character {shown} is not allowed", "plain ASCII expressions only")

    def _token(self, kind: str, word: str, previous: str, position: int) -> None:
        if kind != "space":
            self.tokens += 1
        if self.tokens > MAX_STATEMENT_TOKENS:
            self.refuse(position, "this statement is too long", "give intermediate results a name: a = ...")
        if kind == "name":
            if len(word) > MAX_NAME:
                self.refuse(position, f"a name of {len(word)} characters", f"at most {MAX_NAME} are allowed")
            if word in _KEYWORDS and not (word == "not" and self.allow_not):
                self.refuse(position, f"`{word}` is not part of the grammar", _KEYWORDS[word])
            if "__" in word or (word.startswith("_") and word != "_"):
                self.refuse(position, f"names with leading or double underscores are not allowed: {word[:40]}")
        elif kind == "string":
            if previous == "name":
                self.refuse(position, "prefixed strings are not allowed")
            if len(word) > MAX_STRING:
                self.refuse(position, f"a string of {len(word)} characters", f"at most {MAX_STRING} are allowed")
            if not word.isascii() or not word.isprintable():
                self.refuse(position, "only printable ASCII is allowed in a string")
        elif kind == "number" and len(word) > MAX_NUMBER:
            self.refuse(position, f"a number of {len(word)} characters", f"at most {MAX_NUMBER} are allowed")
        elif kind == "operator":
            self._operator(word, position)

    def _operator(self, word: str, position: int) -> None:
        if word in _OPERATORS:
            self.refuse(position, f"`{word}` is not part of the grammar", _OPERATORS[word])
        if len(word) > 1 and word.endswith("=") and word not in ("==", "!=", "<=", ">="):
            self.refuse(position, f"`{word}` is not part of the grammar", f"write a = a {word[:-1]} ...")
        if word in "([":
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                self.refuse(position, "brackets are nested too deeply", f"at most {MAX_NESTING} levels are allowed")
        elif word in ")]":
            self.nesting -= 1
            if self.nesting < 0:
                self.refuse(position, f"`{word}` closes nothing")
        elif word == ";" and not self.nesting:
            self.tokens = 0


def _scan(source: str, place: Place, allow_not: bool) -> tuple[str, tuple[int, ...]]:
    """Check every token; return the text with the indentation of its logical lines taken off, and what was taken."""
    if len(source) > MAX_CHARACTERS:
        raise CaseError(f"the text has {len(source):,} characters", place, f"at most {MAX_CHARACTERS:,} are allowed")
    return _Scanner(source, place, allow_not).scan()


def parse(source: str, place: Place = NOWHERE, *, allow_not: bool = False) -> Text:
    """Scan and parse `source`; raises CaseError. The tree is bounded in size and depth but not judged yet.

    `allow_not` admits the operator `not`, for the cells of the spelling table.
    """
    if not isinstance(source, str):
        raise CaseError(f"an expression must be text, this is {type(source).__name__}", place)
    scanned, indents = _scan(source, place, allow_not)
    if not scanned.strip(" \t\n;"):
        raise CaseError("the expression is empty", place, "write at least one expression, for instance z * conj(z)")
    try:
        tree = ast.parse(scanned)
    except SyntaxError as error:
        where = _place(place, error.lineno or 1, max((error.offset or 1) - 1, 0), indents)
        raise CaseError(f"this is not an expression: {error.msg}", where) from None
    except (RecursionError, MemoryError, ValueError, OverflowError):
        raise CaseError("this expression is too complicated", place, "give intermediate results a name") from None
    text = Text(scanned, place, indents, tuple(tree.body))
    _measure(text)
    return text


def _measure(text: Text) -> None:
    """Refuse trees that are too big or too deep; not recursive, so that it cannot overflow itself."""
    count = 0
    pending: list[tuple[ast.AST, int]] = [(statement, 0) for statement in text.body]
    while pending:
        node, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            text.refuse(node, "this expression is too deep", "give intermediate results a name: a = ...")
        if count > MAX_NODES:
            raise CaseError("this expression is too long", text.place, f"at most {MAX_NODES:,} parts are allowed")
        pending.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
