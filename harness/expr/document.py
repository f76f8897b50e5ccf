"""The page docs/expressions.md, written from the data that the program uses."""

from __future__ import annotations

from collections.abc import Iterable

from harness.expr.grammar import MAX_CHARACTERS, MAX_DEPTH, MAX_NESTING
from harness.expr.kinds import EXACT
from harness.expr.limits import MAX_ELEMENTS, MAX_SIDE
from harness.expr.native import AT, whitelist
from harness.expr.portable import ATTRIBUTES, METHODS
from harness.expr.spelling import CONSTANTS, FAMILIES, Spelling, table

_GRAMMAR = f"""\
# Expressions

A case says what it computes in a small subset of Python's expressions. A text is data: it is parsed, judged against
the lists on this page and rebuilt before anything runs, and it can reach nothing that is not on them. What is outside
is refused with file, line and column, and the refusal says what to write instead where it knows.

    u, s, vh = svd(a, full_matrices=False)      # assignments, one a line or separated by ;
    p = s**2 / sum(s**2)
    -sum(p * log(p)), s[0]                      # the last line is what the case returns; a tuple is several outputs

| allowed | as in |
|---|---|
| numbers, `None`, `True`, `False` | `2`, `0.5`, `1e-3`, `1+2j` |
| names of inputs and of intermediate results | `z`, `params["w"]` where the input is a mapping of arrays |
| `+ - * / // % ** @`, unary `+ -`, `~ & \\| ^` of booleans | `a @ b + 1j` |
| one comparison at a time | `(a < b) & (b < c)` |
| tuples and lists | `concat([a, b], axis=0)` |
| indexing with integers, slices, `None`, `...`, lists of integers, boolean arrays | `x[..., ::2]`, `x[[2, 0]]` |
| calls of the functions below, arguments by position or by name | `fft(z, norm="ortho")` |
| comments, and line breaks inside brackets | |

There are no loops, conditions (`where` selects), comprehensions, lambdas, f-strings, imports, starred arguments or
names with leading or double underscores, and a string is only an argument. Only ASCII is allowed.

Limits: {MAX_CHARACTERS:,} characters, {MAX_NESTING} levels of brackets, {MAX_DEPTH} levels of operations, integers
up to 2^{EXACT.bit_length() - 1} (a bigger value is written as a float, `1e20`; powers of integers are bounded before
they are computed), integer arguments up to {MAX_ELEMENTS:,}, {MAX_SIDE:,} where they make a square (`eye`, `diag`),
and at most {MAX_ELEMENTS:,} elements asked for by constants.

## Portable functions

One text for every backend, with the names and arguments of NumPy and the array API. Where the two differ the array API
wins (`var(x, correction=1)`), and three things differ from both on purpose:

- creation functions answer in the precision of the case's inputs and on their device, `arange` included; `indices(n)`
  is the integer range. `array([[0, 1j], [1, 0]])` makes a constant matrix.
- functions of Python numbers answer Python numbers: `sqrt(2)`, `exp(1j * pi / 4)` and `sqrt(x.shape[-1])` do not
  widen what they are multiplied with.
- `cumsum`, `cumprod` and their like need an axis; `gelu(x)` and `median(x)` are each framework's own default, which
  are not the same function (`gelu(x, "none")` and `gelu(x, "tanh")` are).

Each function is each framework's own. `-` means that the framework has none: there the case is `unsupported`. A leading
`~` means that it has none of its own and that the spelling is composed, as a user would write it. Where a function has
several rows, the first one that fits the call is used; an argument that is the constant `None` counts as not given.
`-> U, S, Vh` are the parts of a result, `svd(a).S` or `svd(a)[1]`.
"""


def _rows(spelling: Spelling) -> list[str]:
    lines = []
    for row in spelling.rows:
        parts = row.signature.parts
        signature = row.signature.text + ("" if parts is None else f" -> {', '.join(parts) or '*'}")
        cells = [f"`{signature}`"]
        for family in FAMILIES:
            text = row.cells.get(family)
            cells.append("-" if text is None else ("~ " if family in row.composed else "") + f"`{text}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def markdown() -> str:
    """The text of docs/expressions.md."""
    lines = [_GRAMMAR]
    group = ""
    for spelling in table().values():
        if spelling.group != group:
            group = spelling.group
            lines += [
                f"\n### {group}\n",
                "| portable | " + " | ".join(FAMILIES) + " |",
                "|---|" + "---|" * len(FAMILIES),
            ]
        lines += _rows(spelling)
    aliases = [f"`{alias}` is `{s.name}`" for s in table().values() for alias in s.aliases]
    lines += [
        "\n### Other names of the same functions\n",
        ", ".join(sorted(aliases)) + ".",
        "\n### Constants and attributes\n",
    ]
    lines.append(
        f"Constants: {_list(CONSTANTS)}. Attributes: {_list([*ATTRIBUTES, 'shape', 'ndim'])}; "
        f"methods: {', '.join(f'`{method}()`' for method in METHODS)}."
    )
    lines.append(
        "\n## Native functions\n\nA native text is written in the framework's own words, with `torch`, or `jax`, `jnp` "
        "and `lax`. The lists are reviewed by hand:\nnothing on them touches files, the network, processes, callbacks, "
        "compilation, global state, random numbers or devices, and\nnothing takes a Python function.\n"
    )
    for family in FAMILIES:
        white = whitelist(family)
        lines.append(f"\n### {family}\n")
        modules: dict[str, list[str]] = {}
        for name in white.functions:
            module = next(m for m in _modules(family) if name.startswith(f"{m}."))
            modules.setdefault(module, []).append(name[len(module) + 1 :])
        for module, names in modules.items():
            lines.append(f"- `{module}`: {', '.join(sorted(names))}")
        lines.append(f"- constants: {', '.join(sorted(white.constants))}")
        lines.append(f"- attributes: {', '.join(sorted({*white.attributes, 'shape', 'ndim'}))}")
        if white.result_attributes:
            lines.append(f"- attributes of what a function returned: {', '.join(sorted(white.result_attributes))}")
        lines.append(f"- methods: {', '.join(sorted(white.methods))}")
        if white.inplace:
            lines.append(
                f"- methods in place, on what was computed in the text and never on an input: "
                f"{', '.join(sorted(white.inplace))}"
            )
        if family == "jax":
            lines.append(f"- `x.at[index].` {', '.join(sorted(AT))}")
    return "\n".join(lines).rstrip() + "\n"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _modules(family: str) -> list[str]:
    """Modules of a family, the longest names first."""
    prefixes = {
        "torch": ["torch", "torch.linalg", "torch.fft", "torch.special", "torch.nn.functional", "torch.masked"],
        "jax": ["jnp", "jnp.linalg", "jnp.fft", "jax.nn", "jax.lax", "jax.lax.linalg", "jax.ops", "jax.image"]
        + [f"jax.scipy.{name}" for name in ("special", "linalg", "signal", "fft", "integrate", "ndimage", "stats")],
    }
    return sorted(prefixes[family], key=len, reverse=True)
