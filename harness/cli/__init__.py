"""The command `harness`: a thin front. Each command's module is imported only when that command is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence

#: command -> (module below harness.cli, one line of help). The module has configure(parser) and execute(args) -> int.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "observe cases on the installed frameworks, compare, and print the summary"),
    "audit": ("audit", "a function on torch against its port on JAX: what differs, who is right, what to write"),
    "compare": ("compare", "compare recorded runs along one axis"),
    "diff": ("diff", "what changed between two recorded runs"),
    "timeline": ("timeline", "what changed over the versions that recorded runs hold"),
    "known": ("known", "what is known of a function without running anything: defects, releases, advice"),
    "accuracy": ("accuracy", "error in ulp of value, d/dz and d/dz*, by function and backend"),
    "show": ("show", "one case: who is wrong, the cause, since when, what to do, the numbers"),
    "report": ("report", "the report as one HTML file, or markdown, JUnit, SARIF, a badge"),
    "sweep": ("sweep", "a function over every binade of its floats: worst and median ulp, where a derivative is lost"),
    "search": ("search", "random programs on every framework until one is wrong, each made as small as it goes"),
    "site": ("site", "a static site in which anybody can look a function up, by release and by cause"),
    "atlas": ("atlas", "draw a function over the complex plane: derivative, disagreement, error"),
    "findings": ("findings", "the distinct defects of a run, one a cause, each with a script that shows it"),
    "repro": ("repro", "a short script, without this package, that shows a finding"),
    "list": ("listing", "the cases of a catalogue"),
    "coverage": ("coverage", "which functions of torch and JAX the cases cover, and why others are not"),
    "lint": ("lint", "check case files without running them"),
    "schema": ("schema", "print the JSON Schema of a case file"),
    "devices": ("devices", "the devices that can be used, and why the others cannot"),
    "conventions": ("conventions", "measure which convention each API of each framework follows"),
    "completion": ("completion", "print the completion script of a shell"),
}

EXIT_OK, EXIT_SURPRISING, EXIT_BAD, EXIT_TARGET = 0, 1, 2, 3

HELP = """usage: harness COMMAND [OPTION ...]

Do torch.autograd, torch.func and JAX give the same derivative; if not, is it only
a convention; and if it is more than that, who is wrong?

commands:
{commands}

  harness COMMAND --help says more about one. Exit status: 0 nothing surprising,
  1 something surprising, 2 bad usage or a bad case, 3 a target could not be run,
  70 a defect of the harness itself.
"""


def _overview() -> str:
    width = max(map(len, COMMANDS))
    return HELP.format(commands="\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. argv defaults to sys.argv[1:]."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(), end="")
        return EXIT_OK if words else EXIT_BAD
    if words[0] in ("-V", "--version"):
        from harness.version import __version__

        print(f"harness {__version__}")
        return EXIT_OK
    name = words[0]
    if name not in COMMANDS:
        from difflib import get_close_matches

        close = get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        print(f"harness: unknown command {name!r}{hint} See harness --help.", file=sys.stderr)
        return EXIT_BAD
    from harness.cli.dispatch import dispatch

    return dispatch(name, COMMANDS[name], words[1:])
