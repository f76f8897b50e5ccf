"""The calls that a script makes, framework by framework, and the checks that it carries."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.formats import DOUBLE, DTYPES
from harness.model import Case
from harness.repro.entry import Entry
from harness.repro.native_code import Code
from harness.repro.third_calls import third_call

Array = np.ndarray[Any, np.dtype[Any]]

IMPORTS: Mapping[str, Sequence[str]] = {
    "torch": ("import torch",),
    "jax": ("import jax", 'jax.config.update("jax_enable_x64", True)', "import jax.numpy as jnp"),
}
VERSION: Mapping[str, str] = {"torch": "torch.__version__", "jax": "jax.__version__"}


def constants(family: str, dtype: str) -> list[str]:
    """dtype, complex_dtype and device, which some functions of the spelling table are given."""
    root = "torch" if family == "torch" else "jnp"
    real, wide = DTYPES[dtype].name, "complex128" if DTYPES[dtype] == DOUBLE else "complex64"
    out = [f"dtype, complex_dtype = {root}.{real}, {root}.{wide}"]
    return [*out, 'device = "cpu"'] if family == "torch" else out


def in_bfloat16(family: str, lines: Sequence[str]) -> list[str]:
    """The lines of `call` with arrays in bfloat16, which NumPy lacks: its numbers are held in single precision."""
    if family == "torch":
        put = ["    made = torch.from_numpy(np.array(a))",
               "    return made.to(dtype) if made.is_floating_point() else made"]
        native = "torch.from_numpy("
    else:
        put = ["    made = jnp.asarray(a)",
               "    return made.astype(dtype) if jnp.issubdtype(made.dtype, jnp.floating) else made"]
        native = "jnp.asarray("
    turned = [line.replace(native, "put(").replace(".resolve_conj().numpy()", ".float().numpy()") for line in lines]
    return ["def put(a):  # the numbers of an array in the framework's bfloat16", *put, "", "", *turned]


def call(
    family: str, backend: str, api: str, quantity: str, entry: Entry, names: Sequence[str], mode: str,
) -> list[str]:
    """Lines that set `returned`, a float: the number in question as the framework returns it."""
    to_native = "torch.from_numpy({}.copy())" if family == "torch" else "jnp.asarray({})"
    lines = [
        "def outputs(*arrays):",
        "    out = f(*arrays)",
        f"    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[{entry.output}]",
        "", "",
        f"arguments = [{to_native.format('a')} for a in inputs.values()]",
    ]
    to_numpy = "{}.detach().resolve_conj().numpy()" if family == "torch" else "np.asarray({})"
    out_part = ".imag" if entry.out_part else ".real"
    if quantity == "value":
        result = to_numpy.format("outputs(*arguments)")
        return [*lines, f"returned = float({result}.reshape(-1)[{entry.out_index}]{out_part})"]
    if quantity == "hessian":
        return [*lines, *_hessian(family, backend, api, entry, names)]
    if quantity == "third":
        return [*lines, *third_call(family, backend, api, entry, names)]
    position = list(names).index(entry.inputs[0])
    x = entry.along[0]
    lines += [
        f"position = {position}  # of {entry.inputs[0]}", "", "",
        "def along(leaf):",
        "    return outputs(*arguments[:position], leaf, *arguments[position + 1:])",
        "", "", "leaf = arguments[position]",
        *([] if family == "torch" or mode == "eager" else ["along = jax.jit(along)"]),
    ]
    if api == "pushforward":
        lines += [f'unit = np.zeros_like(inputs["{entry.inputs[0]}"])',
                  f"unit.reshape(-1)[{x.index}] = {'1j' if x.part else '1'}  # the direction"]
        if family == "jax":
            lines += ["_, moved = jax.jvp(along, (leaf,), (jnp.asarray(unit),))"]
        elif backend == "torch.func":
            lines += ["_, moved = torch.func.jvp(along, (leaf,), (torch.from_numpy(unit),))"]
        else:
            lines += ["import torch.autograd.forward_ad as forward", "", "with forward.dual_level():",
                      "    dual = forward.make_dual(leaf, torch.from_numpy(unit))",
                      "    moved = forward.unpack_dual(along(dual)).tangent",
                      "    moved = torch.zeros_like(along(leaf)) if moved is None else moved"]
        return [*lines, f"returned = float({to_numpy.format('moved')}.reshape(-1)[{entry.out_index}]{out_part})"]
    imaginary = "1j" if family == "torch" else "-1j"
    component = ".imag" if x.part else ".real"
    lines += [
        f"unit = np.zeros_like({to_numpy.format('along(leaf)')})",
        f"unit.reshape(-1)[{entry.out_index}] = {imaginary if entry.out_part else '1'}  # the cotangent",
    ]
    if family == "jax":
        lines += ["_, pull = jax.vjp(along, leaf)", "(pulled,) = pull(jnp.asarray(unit))"]
    elif backend == "torch.func":
        lines += ["_, pull = torch.func.vjp(along, leaf)", "(pulled,) = pull(torch.from_numpy(unit))"]
    else:
        lines += ["leaf = leaf.requires_grad_()",
                  "(pulled,) = torch.autograd.grad(along(leaf), leaf, torch.from_numpy(unit), allow_unused=True)",
                  "pulled = torch.zeros_like(leaf) if pulled is None else pulled"]
    sign = "-" if family == "jax" and x.part else ""  # jax returns u_x - i u_y
    return [*lines, f"returned = float({sign}{to_numpy.format('pulled')}.reshape(-1)[{x.index}]{component})"]


def _hessian(family: str, backend: str, api: str, entry: Entry, names: Sequence[str]) -> list[str]:
    """The second derivative of sum(f) along two coordinates by the composition of the row."""
    first, second = entry.along
    if api == "reverse-over-forward":  # the loss is pushed along the row, and the gradient taken by the column
        first, second = second, first
    a, b = (list(names).index(c.name) for c in (first, second))
    to_numpy = "{}.detach().resolve_conj().numpy()" if family == "torch" else "np.asarray({})"
    native = "torch.from_numpy({})" if family == "torch" else "jnp.asarray({})"
    total = "outputs(*arrays).sum()"
    sign_first = "-" if family == "jax" and first.part else ""
    part_first, part_second = (".imag" if c.part else ".real" for c in (first, second))
    lines = [
        "def loss(*arrays):", f"    return {total}", "", "",
        f"first, second = {a}, {b}  # {first.name}, {second.name}",
        f'unit = np.zeros_like(inputs["{second.name}"])',
        f"unit.reshape(-1)[{second.index}] = {'1j' if second.part else '1'}  # the direction", "", "",
        "def moving(k, x):", "    return [x if j == k else other for j, other in enumerate(arguments)]", "", "",
    ]
    gradient = "torch.func.grad" if family == "torch" else "jax.grad"
    jvp = "torch.func.jvp" if family == "torch" else "jax.jvp"
    vjp = "torch.func.vjp" if family == "torch" else "jax.vjp"
    if api == "reverse-over-forward":
        return [*lines,
                "def slope(x):  # the derivative of the loss along the direction, as a function of the first input",
                "    point = moving(first, x)",
                f"    return {jvp}(lambda y: loss(*[y if j == second else p for j, p in enumerate(point)]), "
                f"(point[second],), ({native.format('unit')},))[1]", "", "",
                f"pulled = {gradient}(slope)(arguments[first])",
                f"returned = float({sign_first}{to_numpy.format('pulled')}.reshape(-1)[{first.index}]{part_first})"]
    if api == "forward-over-forward":
        return [*lines,
                f'direction = np.zeros_like(inputs["{first.name}"])',
                f"direction.reshape(-1)[{first.index}] = {'1j' if first.part else '1'}", "", "",
                "def slope(y):  # the derivative of the loss along that direction, as a function of the second input",
                "    point = moving(second, y)",
                f"    return {jvp}(lambda x: loss(*[x if j == first else p for j, p in enumerate(point)]), "
                f"(point[first],), ({native.format('direction')},))[1]", "", "",
                f"moved = {jvp}(slope, (arguments[second],), ({native.format('unit')},))[1]",
                f"returned = float({to_numpy.format('moved')})"]
    lines += [
        "def slope(y):  # the gradient by the first input, as a function of the second one",
        "    point = moving(second, y)",
        f"    return {gradient}(lambda x: loss(*[x if j == first else p for j, p in enumerate(point)]))(point[first])",
        "", "",
    ]
    if api == "forward-over-reverse":
        return [*lines, f"moved = {jvp}(slope, (arguments[second],), ({native.format('unit')},))[1]",
                f"returned = float({sign_first}{to_numpy.format('moved')}.reshape(-1)[{first.index}]{part_first})"]
    cotangent = "1" if first.part == 0 else ("1j" if family == "torch" else "-1j")
    # jax's gradient is L_x - i L_y: its imaginary row is negated, and so is the imaginary part of what is pulled back
    sign = ("-" if first.part else "") if family == "jax" else ""
    sign = ("" if sign else "-") if family == "jax" and second.part else sign
    return [*lines,
            f'cotangent = np.zeros_like(inputs["{first.name}"])', f"cotangent.reshape(-1)[{first.index}] = {cotangent}",
            f"(pulled,) = {vjp}(slope, arguments[second])[1]({native.format('cotangent')})",
            f"returned = float({sign}{to_numpy.format('pulled')}.reshape(-1)[{second.index}]{part_second})"]


# --- checks -----------------------------------------------------------------------------------------------------------


def mpmath_check(case: Case, entry: Entry, arrays: Mapping[str, Array], code: Code) -> list[str]:
    """Central differences with many digits; the elements at the entry's index are scalars here."""
    names = [i.name for i in case.inputs]
    parts = [float(p) for a in arrays.values() for z in np.ravel(a) for p in (np.real(z), np.imag(z))]
    sizes = [abs(p) for p in parts if p != 0 and np.isfinite(p)]
    smallest = min([*sizes, 1.0])
    digits = 200 + 4 * int(np.ceil(-np.log10(smallest))) + int(np.ceil(np.log10(max([*sizes, 1.0]))))
    index = entry.along[0].index if entry.along else entry.out_index
    scalars = []
    for name in names:
        array = arrays[name]
        cell = f'inputs["{name}"].reshape(-1)[{index if array.size > 1 else 0}]'
        scalars.append(f"mp.mpc(float({cell}.real), float({cell}.imag))" if array.dtype.kind == "c"
                       else f"mp.mpf(float({cell}))")
    part = "mp.im" if entry.out_part else "mp.re"
    lines = [f"mp.mp.dps = {digits}", "", "", f"def exact({', '.join(names)}):", textwrap.indent(code.body, "    "), "",
             "", f"at = [{', '.join(scalars)}]"]
    if not entry.along:
        return [*lines, f"check = float({part}(exact(*at)))"]
    if len(entry.along) == 2:
        moves = [f"    moved[{names.index(c.name)}] += s{k} * {'1j' if c.part else '1'}"
                 for k, c in enumerate(entry.along)]
        return [*lines, "", "", "def moved_to(s0, s1):", "    moved = list(at)", *moves,
                f"    return {part}(exact(*moved))", "", "", f"h = mp.mpf(10) ** -40 * mp.mpf({smallest!r})",
                "check = float((moved_to(h, h) - moved_to(h, -h) - moved_to(-h, h) + moved_to(-h, -h)) / (4 * h * h))"]
    if len(entry.along) == 3:
        moves = [f"    moved[{names.index(c.name)}] += s{k} * {'1j' if c.part else '1'}"
                 for k, c in enumerate(entry.along)]
        return [*lines, "", "", "def moved_to(s0, s1, s2):", "    moved = list(at)", *moves,
                f"    return {part}(exact(*moved))", "", "", f"h = mp.mpf(10) ** -40 * mp.mpf({smallest!r})",
                "signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]",
                "check = float(sum(a * b * c * moved_to(a * h, b * h, c * h) for a, b, c in signs) / (8 * h * h * h))"]
    x = entry.along[0]
    position = names.index(x.name)
    return [*lines, f"h = mp.mpf(10) ** -40 * mp.mpf({smallest!r})",
            f"step = h * {'1j' if x.part else '1'}",
            "above, below = list(at), list(at)",
            f"above[{position}], below[{position}] = at[{position}] + step, at[{position}] - step",
            f"check = float({part}((exact(*above) - exact(*below)) / (2 * h)))"]


def difference_check(case: Case, entry: Entry, arrays: Mapping[str, Array], family: str) -> list[str]:
    """Differences of the framework's own function in double precision, Richardson-extrapolated; the pair of steps
    whose results differ least."""
    sizes = [abs(z) for c in entry.along for z in [np.ravel(arrays[c.name])[c.index]] if z != 0 and np.isfinite(z)]
    scale = float(min([*map(float, map(abs, sizes)), 1.0]))
    names = [i.name for i in case.inputs]
    wide = '{"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)'
    pick = (f"out.reshape(-1)[{entry.out_index}]{'.imag' if entry.out_part else '.real'}"
            if entry.out_index is not None else "out.sum().real")
    moves = [f"    at[{names.index(c.name)}].reshape(-1)[{c.index}] += "
             f"steps[{k}] * {'1j' if c.part else '1'}" for k, c in enumerate(entry.along)]
    lines = [
        "def value(*steps):",
        f"    at = [np.array(a, {wide}) for a in inputs.values()]",
        *moves,
        f"    out = f(*({'torch.from_numpy' if family == 'torch' else 'jnp.asarray'}(a) for a in at))",
        f"    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[{entry.output}]",
        f"    out = {'out.detach().resolve_conj().numpy()' if family == 'torch' else 'np.asarray(out)'}",
        f"    return float({pick})",
        "", "",
    ]
    if len(entry.along) == 1:
        quotient = "(value(h) - value(-h)) / (2 * h)"
        steps = "2.0 ** -np.arange(4, 16)"
    elif len(entry.along) == 3:
        lines += ["signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]"]
        quotient = "sum(a * b * c * value(a * h, b * h, c * h) for a, b, c in signs) / (8 * h * h * h)"
        steps = "2.0 ** -np.arange(3, 9)"
    else:
        quotient = "(value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h)"
        steps = "2.0 ** -np.arange(3, 11)"
    return [*lines,
            f"steps = {scale!r} * {steps}",
            f"quotients = np.array([{quotient} for h in steps])",
            "better = (4 * quotients[1:] - quotients[:-1]) / 3",
            "check = float(better[1:][np.argmin(np.abs(np.diff(better)))])"]
