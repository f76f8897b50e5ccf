"""The cases of a catalogue: id, points, dtypes, inputs and function."""

from __future__ import annotations

import argparse

from harness.cli.options import add_catalogue, add_format, catalogue_paths, emit


def configure(parser: argparse.ArgumentParser) -> None:
    add_catalogue(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    import pandas as pd

    from harness.cases import load
    from harness.selection import Selection

    paths, allow = catalogue_paths(args)
    cases = Selection(args.select).chosen(load(paths, allow=allow))
    rows = []
    for case in cases:
        spelled = case.function.get("portable") or "; ".join(f"{k}: {v}" for k, v in case.function.items())
        inputs = ", ".join(
            f"{i.name}: {'' if i.differentiate else 'const '}{i.kind}{list(i.shape)}" for i in case.inputs
        )
        rows.append({
            "case": case.id, "family": case.family, "points": len(case.points), "dtypes": " ".join(case.dtypes),
            "order": case.order, "expect": len(case.expect), "inputs": inputs, "function": " ".join(spelled.split()),
        })
    frame = pd.DataFrame(rows)
    emit(frame, args.format, args.output, ("case", "family", "points", "inputs", "function"))
    if args.format == "table" and not args.output:
        print(f"\n{len(cases)} cases, {sum(len(c.points) for c in cases)} points")
    return 0
