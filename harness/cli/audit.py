"""Compare a function on torch with its port on JAX: values, then every gradient, then who is right and what to write.

  harness audit --torch my_port.torch_side:loss --jax my_port.jax_side:loss --inputs data.npz

SOURCE is [ARGUMENT=]FILE (.npz, .npy, .safetensors, .pt) or [ARGUMENT=]package.module:function, which returns the
arguments as a tuple or a dict. Without ARGUMENT the first part of each name in the file ("params.w", "x") says it.
Exit status: 0 nothing surprising, 1 a real difference, 2 bad usage, 3 a side could not be run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from harness.report.text import some

if TYPE_CHECKING:
    from harness.audit import Audit


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--torch", required=True, metavar="MODULE:FUNCTION", help="the function on torch")
    parser.add_argument("--jax", required=True, metavar="MODULE:FUNCTION", help="its port on JAX")
    parser.add_argument(
        "--inputs", action="append", default=[], metavar="SOURCE", help="arguments of both sides; repeatable"
    )
    parser.add_argument(
        "--torch-inputs", action="append", default=[], metavar="SOURCE", help="of the torch side alone; repeatable"
    )
    parser.add_argument(
        "--jax-inputs", action="append", default=[], metavar="SOURCE", help="of the JAX side alone; repeatable"
    )
    parser.add_argument("--map", metavar="FILE", help="YAML, torch name: JAX name (default: found by name and value)")
    parser.add_argument("--values-from", choices=("torch", "jax"), help="give this side's numbers to the other")
    parser.add_argument(
        "--nest",
        action="append",
        default=[],
        choices=("torch", "jax"),
        help="dots in the names of arrays nest on this side, as slashes always do; repeatable",
    )
    parser.add_argument(
        "--constant", action="append", default=[], metavar="GLOB", help="inputs that are not differentiated; repeatable"
    )
    parser.add_argument("--precision", choices=("single", "double", "float16", "bfloat16"),
                        help="cast the inputs (default: as they are)")
    parser.add_argument("--rtol", type=float, help="relative to the largest entry of a gradient (default: eps**0.75)")
    parser.add_argument("--atol", type=float, default=0.0, help="absolute (default: 0)")
    parser.add_argument("--torch-step", default="", metavar="MODULE:FUNCTION", help="an optimiser step to compare too")
    parser.add_argument("--jax-step", default="", metavar="MODULE:FUNCTION", help="its port")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="S", help="for a request, imports aside (120)")
    parser.add_argument("--memory", type=float, default=0.0, metavar="GIB", help="limit of each side (default: none)")
    parser.add_argument("--seed", type=int, default=0, help="of cotangents and directions (default: 0)")
    parser.add_argument("--python", action="append", default=[], metavar="SIDE=PATH", help="another interpreter")
    parser.add_argument("--watch", action="store_true",
                        help="audit again whenever a source or an input changes, until Ctrl-C; frameworks stay warm")
    parser.add_argument("--no-trace", action="store_true", help="do not look for where the programs part")
    parser.add_argument("--html", metavar="FILE", help="both sources side by side, matched lines in one colour")
    parser.add_argument("--save-case", metavar="FILE", help="write a YAML case for harness run beside its .npz")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--verbose", action="store_true", help="also the traceback of what a side raised")


def execute(args: argparse.Namespace) -> int:
    from harness.audit import audit
    from harness.cli.dispatch import UsageError

    if args.html and args.no_trace:
        raise UsageError("--html shows what --no-trace leaves out: give one of them")
    pythons = {}
    for item in args.python:
        side, equals, path = item.partition("=")
        if side not in ("torch", "jax") or not equals or not path:
            raise UsageError(f"--python wants torch=PATH or jax=PATH, not {item!r}")
        pythons[side] = path
    same = ("torch_inputs", "jax_inputs", "rtol", "atol", "constant", "nest", "torch_step", "jax_step", "timeout",
            "memory", "seed", "save_case")
    words = {name: getattr(args, name) for name in same} | {
        "mapping": args.map, "precision": args.precision or "", "values_from": args.values_from or "",
        "python": pythons, "trace": not args.no_trace, "lines": bool(args.html),
    }
    if args.watch:
        return _watch(args, words)
    return _shown(audit(args.torch, args.jax, args.inputs, **words), args)


def _shown(found: Audit, args: argparse.Namespace) -> int:
    import json

    from harness.cli.options import write
    from harness.report.text import colourful

    if args.html:
        write(found.html(), args.html)
    if args.format == "json":
        write(json.dumps(found.to_json(), indent=1), args.output)
    else:
        words = found.text(colour=args.output is None and colourful())
        if args.verbose:
            words += "".join(f"\n\n{fault.side}:\n{fault.detail}" for fault in found.faults if fault.detail)
        write(words, args.output)
    return found.exit_status


def _watch(args: argparse.Namespace, words: dict[str, Any]) -> int:
    """Audit until interrupted while nothing is being audited; the status is that of the last answer."""
    from harness.audit import AuditError, Watch

    status = None
    with Watch(args.torch, args.jax, args.inputs, **words) as watch:
        while True:
            try:
                status = _shown(watch.audit(), args)
            except AuditError as error:
                if status is None:  # wrong from the beginning: no change of a file is being waited for
                    raise
                status = error.exit_status
                print(f"harness audit: {error}", file=sys.stderr)
            sys.stdout.flush()
            print(f"harness: {some([os.path.relpath(f) for f in watch.files])} watched; Ctrl-C ends", file=sys.stderr)
            try:
                changed = watch.wait()
            except KeyboardInterrupt:
                print(file=sys.stderr)
                return status
            print(f"\nharness: {time.strftime('%H:%M:%S')}, {', '.join(map(os.path.relpath, changed))} changed",
                  file=sys.stderr)
