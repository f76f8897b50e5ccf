"""Print the completion script of a shell; it completes commands, options and their choices.

    harness completion bash > ~/.local/share/bash-completion/completions/harness
    harness completion zsh > "${fpath[1]}/_harness"

Needs shtab (the extra `completion`) when the script is made, and nothing afterwards.
"""

from __future__ import annotations

import argparse
import importlib

from harness.cli.dispatch import UsageError

SHELLS = ("bash", "zsh", "tcsh")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def execute(args: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise UsageError("completion scripts are made by shtab: pip install 'wirtinger-harness[completion]'") from None

    print(shtab.complete(whole_parser(), args.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Every command in one parser, as a generator of completions reads it."""
    from harness.cli import COMMANDS

    parser = argparse.ArgumentParser(prog="harness")
    commands = parser.add_subparsers()
    for name, (module, text) in COMMANDS.items():
        importlib.import_module(f"harness.cli.{module}").configure(commands.add_parser(name, help=text))
    return parser
