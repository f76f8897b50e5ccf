"""Random programs of the portable grammar, on every framework, until one of them is wrong.

Each failure is made as small as it goes and arrives as a YAML case with its verdict, the framework and function to
blame, the evidence, and a script that shows it without this package. Causes in results/findings.csv are recognised.
What no script confirms is listed, and accuses nobody. The same seed finds the same things. Needs hypothesis.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from harness.cli.dispatch import UsageError
from harness.cli.options import add_format, emit
from harness.cli.options import write as write_text


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=600.0, metavar="N",
                        help="how long to hunt (default: 600); the round at hand is finished")
    parser.add_argument("--rounds", type=int, metavar="N", help="stop after so many rounds of 40 programs")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the programs (default: 0)")
    parser.add_argument("--folder", metavar="DIR", help="where everything goes (default: runs/search-TIME)")
    parser.add_argument("--resume", metavar="DIR", help="continue the hunt in this folder, with its seed")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from harness.search import pages
    from harness.search.hunt import STATE
    from harness.search.supervise import hunt

    if find_spec("hypothesis") is None:
        raise UsageError("hypothesis is not installed: pip install 'wirtinger-harness[search]'")
    seed = args.seed
    if args.resume:
        folder = Path(args.resume)
        if not (folder / STATE).exists():
            raise UsageError(f"there is no hunt in {folder}")
        seed = int(json.loads((folder / STATE).read_text("utf-8"))["seed"])
    else:
        folder = Path(args.folder or f"runs/search-{datetime.now():%Y%m%d-%H%M%S}")
        if (folder / STATE).exists():
            raise UsageError(f"there is a hunt in {folder} already: --resume {folder}")
    found = hunt(folder, args.seconds, seed, rounds=args.rounds, said=lambda line: print(line, file=sys.stderr))
    pages.write(found, folder)
    state = json.loads((folder / STATE).read_text("utf-8")) if (folder / STATE).exists() else {}
    if args.format == "table":
        write_text(f"{pages.summary(found, state)}\n\ncases and scripts are in {folder}", args.output)
    else:
        import pandas as pd

        emit(pd.DataFrame(pages.rows(found)), args.format, args.output)
    return 1 if any(not f.known for f in pages.reported(found)) else 0
