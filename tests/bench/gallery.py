"""The committed atlas: one picture for each of a list of functions, and a page that names them.

    python -m tests.bench.gallery FOLDER [--made-by COMMAND] [--size N]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.atlas import Atlas, atlas
from harness.model import CaseError

#: (name of the file, what is drawn, window or "" for [-3, 3] squared)
FUNCTIONS: Sequence[tuple[str, str, str]] = (
    ("abs", "abs(z)", ""), ("abs_to_complex_power", "abs(z)**(1+1j)", ""), ("angle", "angle(z)", ""),
    ("arccos", "arccos(z)", ""), ("arccosh", "arccosh(z)", ""), ("arcsin", "arcsin(z)", ""),
    ("arcsinh", "arcsinh(z)", ""), ("arctan", "arctan(z)", ""), ("arctanh", "arctanh(z)", ""),
    ("conj_times_z", "conj(z)*z", ""), ("cos", "cos(z)", "6"), ("cosh", "cosh(z)", "6"), ("exp", "exp(z)", ""),
    ("exp2", "exp2(z)", ""), ("expm1", "expm1(z)", ""), ("log", "log(z)", ""), ("log10", "log10(z)", ""),
    ("log1p", "log1p(z)", ""), ("log2", "log2(z)", ""), ("logistic", "1/(1+exp(-z))", "8"),
    ("mandelbrot_3", "((z**2+z)**2+z)**2+z", "2"), ("moebius", "(z-1j)/(z+1j)", ""), ("pow", "z**(1.5+0.5j)", ""),
    ("pow_minus_2", "z**(-2)", ""), ("pow_one_third", "z**(1/3)", ""), ("real_power", "2.5**z", ""),
    ("reciprocal", "reciprocal(z)", ""), ("rsqrt", "rsqrt(z)", ""), ("sign", "sign(z)", ""), ("silu", "silu(z)", "8"),
    ("sin", "sin(z)", "6"), ("sinc", "sinc(z)", ""), ("sinh", "sinh(z)", "6"), ("softplus", "log1p(exp(z))", "8"),
    ("sqrt", "sqrt(z)", ""), ("sqrt_of_square_plus_1", "sqrt(z**2+1)", ""), ("square", "square(z)", ""),
    ("tan", "tan(z)", ""), ("tanh", "tanh(z)", ""), ("z_abs_z", "z*abs(z)", ""),
    ("z_to_the_z", "z**z", ""),
)


def gallery(
    output: str | Path, *, functions: Sequence[tuple[str, str, str]] = FUNCTIONS, size: int = 512,
    backends: Sequence[str] | None = None, jobs: int = 2, cases: Sequence[Any] = (), budget: float = 120.0,
    command: str = "",
    told: Callable[[str], None] | None = None,
) -> list[Atlas]:
    """Draw every function into `output`; write its README.md with each picture and what it shows, and the same for
    programs as atlas.json (harness report --atlas reads it).

    budget: seconds for each reference, generous: what is committed should not depend on how busy a machine was.
    command: the command that does this again, for the page. told: called with a line after each picture.
    A function that cannot be drawn is named on the page with the reason and does not stop the others.
    """
    folder = Path(output)
    made: list[Atlas] = []
    failed: list[str] = []
    for name, text, window in functions:
        try:
            one = atlas(text, window=window or None, size=size, backends=backends, output=folder / f"{name}.png",
                        jobs=jobs, cases=cases, budget=budget)
        except (CaseError, RuntimeError) as error:
            failed.append(f"- `{text}`: {error}")
            continue
        made.append(replace(one, name=name))
        if told is not None:
            told(f"{name}: {one.seconds['total']:.1f} s, {one.path.stat().st_size / 1000:.0f} kB")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(_page(made, failed, command), encoding="utf-8")
    told_of = [{"name": a.name, "file": a.path.name, "wrong": sorted(a.wrong), "caption": a.caption, "alt": a.alt}
               for a in made]
    (folder / "atlas.json").write_text(json.dumps({"figures": told_of}, indent=1) + "\n", encoding="utf-8")
    return made


def _page(made: Sequence[Atlas], failed: Sequence[str], command: str) -> str:
    lines = [
        "# Atlas of the complex plane", "",
        "The derivative by domain colouring (hue is its direction, a step of brightness is a factor of two), where the "
        "frameworks disagree by verdict, and the error of each against an arbitrary-precision reference.", "",
    ]
    if command:
        lines += [f"Made by `{command}`.", ""]
    lines += ["| function | what it shows |", "|:--|:--|"]
    lines += [f"| [{a.name}]({a.path.name}) | {_cell(a.caption)} |" for a in made]
    if failed:
        lines += ["", "Not drawn:", "", *failed]
    lines.append("")
    for a in made:
        lines += [f"## {a.name}", "", f"![{_cell(a.alt)}]({a.path.name})", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("*", "\\*").replace("|", "\\|").replace("[", "\\[").replace("]", "\\]").replace("<", "&lt;")


def main(argv: Sequence[str] | None = None) -> int:
    """The gallery from the command line. Returns 1 where a function could not be drawn."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gallery", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--made-by", metavar="COMMAND", default="", help="the command that README.md names")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="samples in each direction (default: 512)")
    args = parser.parse_args(argv)
    made = gallery(args.folder, size=args.size, command=args.made_by, told=lambda line: print(line, flush=True))
    return 0 if len(made) == len(FUNCTIONS) else 1


if __name__ == "__main__":
    raise SystemExit(main())
