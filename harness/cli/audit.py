"""Compare a function on torch with its port on JAX: values, then every gradient, then who is right and what to write.

  harness audit --torch my_port.torch_side:loss --jax my_port.jax_side:loss --inputs data.npz

SOURCE is [ARGUMENT=]FILE (.npz, .npy, .safetensors, .pt) or [ARGUMENT=]package.module:function, which returns the
arguments as a tuple or a dict. Without ARGUMENT the first part of each name in the file ("params.w", "x") says it.
Exit status: 0 nothing surprising, 1 a real difference, 2 bad usage, 3 a side could not be run.
"""

from __future__ import annotations

import argparse


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
    parser.add_argument("--precision", choices=("single", "double"), help="cast the inputs (default: as they are)")
    parser.add_argument("--rtol", type=float, help="relative to the largest entry of a gradient (default: eps**0.75)")
    parser.add_argument("--atol", type=float, default=0.0, help="absolute (default: 0)")
    parser.add_argument("--torch-step", default="", metavar="MODULE:FUNCTION", help="an optimiser step to compare too")
    parser.add_argument("--jax-step", default="", metavar="MODULE:FUNCTION", help="its port")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="S", help="for a request, imports aside (120)")
    parser.add_argument("--memory", type=float, default=0.0, metavar="GIB", help="limit of each side (default: none)")
    parser.add_argument("--seed", type=int, default=0, help="of cotangents and directions (default: 0)")
    parser.add_argument("--python", action="append", default=[], metavar="SIDE=PATH", help="another interpreter")
    parser.add_argument("--no-trace", action="store_true", help="do not look for where the programs part")
    parser.add_argument("--html", metavar="FILE", help="both sources side by side, matched lines in one colour")
    parser.add_argument("--save-case", metavar="FILE", help="write a YAML case for harness run beside its .npz")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--verbose", action="store_true", help="also the traceback of what a side raised")


def execute(args: argparse.Namespace) -> int:
    import json

    from harness.audit import audit
    from harness.cli.dispatch import UsageError
    from harness.cli.options import write
    from harness.report.text import colourful

    if args.html and args.no_trace:
        raise UsageError("--html shows what --no-trace leaves out: give one of them")
    pythons = {}
    for item in args.python:
        side, equals, path = item.partition("=")
        if side not in ("torch", "jax") or not equals or not path:
            raise UsageError(f"--python wants torch=PATH or jax=PATH, not {item!r}")
        pythons[side] = path
    found = audit(
        args.torch, args.jax, args.inputs, torch_inputs=args.torch_inputs, jax_inputs=args.jax_inputs, mapping=args.map,
        rtol=args.rtol, atol=args.atol, precision=args.precision or "", constant=args.constant,
        values_from=args.values_from or "", nest=args.nest, torch_step=args.torch_step, jax_step=args.jax_step,
        timeout=args.timeout, memory=args.memory, seed=args.seed, python=pythons, save_case=args.save_case,
        trace=not args.no_trace, lines=bool(args.html),
    )
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
