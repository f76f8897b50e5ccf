"""Parse one command's options, run it, and turn every expected failure into a sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from harness.cli.screen import screened
from harness.model import HarnessError

#: Of a defect of our own: neither 1 ("something surprising") nor the user's to mend. EX_SOFTWARE of sysexits.h.
EXIT_DEFECT = 70
#: As shells call the end by SIGINT and by SIGPIPE: nothing is said about what was asked.
EXIT_INTERRUPTED, EXIT_PIPE = 130, 141


def dispatch(name: str, command: tuple[str, str], words: Sequence[str]) -> int:
    """Run command `name`; bad usage and bad cases end with status 2, a target that cannot be run with 3."""
    with screened():
        return _dispatch(name, command, words)


def _dispatch(name: str, command: tuple[str, str], words: Sequence[str]) -> int:
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
        status = int(module.execute(args))
        sys.stdout.flush()  # a reader that went away is met here, not when the interpreter ends
        return status
    except KeyboardInterrupt:
        told = module.interrupted(args) if hasattr(module, "interrupted") else "interrupted"
        print(f"\nharness {name}: {told}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) went away: no error of anybody, and no success either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except HarnessError as error:
        print(f"harness {name}: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)
        return error.exit_status
    except Exception as error:
        traceback.print_exc()
        print(f"harness {name}: a defect of the harness, not of what it was given: {type(error).__name__}: {error}\n"
              "Please report it with the command and what stands above.", file=sys.stderr)
        return EXIT_DEFECT


class UsageError(HarnessError):
    """The command line asks for something that does not exist or does not make sense."""
