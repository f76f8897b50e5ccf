"""Draw one function over a window of the complex plane: its derivative, where the frameworks disagree, their error."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="a case, a portable function, or an expression in z")
    parser.add_argument("--window", metavar="TEXT", help="such as -3:3,-3:3 (default: [-3, 3] squared)")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="samples in each direction (default: 512)")
    parser.add_argument("--backend", action="append", metavar="NAME", help="repeatable (default: every installed one)")
    parser.add_argument("--dtype", choices=("complex64", "complex128", "float32", "float64"))
    parser.add_argument("--real", action="store_true", help="a function of a real variable: curves")
    parser.add_argument("--no-axes", action="store_true", help="no samples exactly on the axes")
    parser.add_argument("--no-reference", action="store_true", help="leave the arbitrary-precision reference out")
    parser.add_argument("--output", metavar="FILE", help="a .png file or a folder (default: FUNCTION.png)")


def execute(args: argparse.Namespace) -> int:
    from harness.atlas import atlas
    from harness.cases import catalogue_path, load

    made = atlas(
        args.function, window=args.window, size=args.size, backends=args.backend, output=args.output, dtype=args.dtype,
        reference=not args.no_reference, real=args.real, cases=load([catalogue_path()]), axes=not args.no_axes,
    )
    print(f"{made.path}  ({made.seconds['total']:.1f} s)\n{made.caption}")
    return 0
