"""Parse one command's options, run it, and turn every expected failure into a sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence


def dispatch(name: str, command: tuple[str, str], words: Sequence[str]) -> int:
    """Run command `name`; bad usage and bad cases end with status 2, a target that cannot be run with 3."""
    module_name, text = command
    module = importlib.import_module(f"harness.cli.{module_name}")
    parser = argparse.ArgumentParser(
        prog=f"harness {name}",
        description=module.__doc__ or text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    try:
        args = parser.parse_args(words)
    except SystemExit as stop:  # argparse has already printed its sentence
        return int(stop.code or 0)
    try:
        return int(module.execute(args))
    except KeyboardInterrupt:
        print("harness: interrupted; what was observed is kept (harness run --resume continues it)", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (head, less) went away: not an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        status = exit_status(error)
        if status is None:
            raise
        print(f"harness {name}: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)
        return status


def exit_status(error: Exception) -> int | None:
    """2 or 3 for the failures that are the user's or the environment's to mend; None for a defect of ours."""
    status = getattr(error, "exit_status", None)
    if isinstance(status, int):
        return status
    from harness.model import CaseError

    if isinstance(error, CaseError | UsageError):
        return 2
    return None


class UsageError(Exception):
    """The command line asks for something that does not exist or does not make sense."""
