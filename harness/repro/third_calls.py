"""The call of a script that shows a third derivative: three passes, forward or in reverse, as a user composes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.repro.entry import Entry

#: backend -> the three transforms that a script composes; each takes a function of all arguments and gives another one.
_TRANSFORMS: Mapping[str, Sequence[str]] = {
    "torch.autograd": (
        "forward = torch.autograd.forward_ad", "", "",
        "def gradient(f, k):  # of a number, by argument k",
        "    return lambda *x: torch.autograd.grad(f(*x), x[k], create_graph=True, materialize_grads=True)[0]", "", "",
        "def pulled(f, k, cotangent):",
        "    return lambda *x: torch.autograd.grad(f(*x), x[k], cotangent, create_graph=True, "
        "materialize_grads=True)[0]", "", "",
        "def pushed(f, k, tangent):",
        "    def along(*x):",
        "        with forward.dual_level():",
        "            out = f(*x[:k], forward.make_dual(x[k], tangent), *x[k + 1:])",
        "            moved = forward.unpack_dual(out).tangent",
        "            return torch.zeros_like(out) if moved is None else moved",
        "    return along",
    ),
    "torch.func": (
        "def gradient(f, k):  # of a number, by argument k", "    return torch.func.grad(f, argnums=k)", "", "",
        "def pulled(f, k, cotangent):",
        "    return lambda *x: torch.func.vjp(lambda y: f(*x[:k], y, *x[k + 1:]), x[k])[1](cotangent)[0]", "", "",
        "def pushed(f, k, tangent):",
        "    return lambda *x: torch.func.jvp(lambda y: f(*x[:k], y, *x[k + 1:]), (x[k],), (tangent,))[1]",
    ),
    "jax": (
        "def gradient(f, k):  # of a number, by argument k", "    return jax.grad(f, k)", "", "",
        "def pulled(f, k, cotangent):",
        "    return lambda *x: jax.vjp(lambda y: f(*x[:k], y, *x[k + 1:]), x[k])[1](cotangent)[0]", "", "",
        "def pushed(f, k, tangent):",
        "    return lambda *x: jax.jvp(lambda y: f(*x[:k], y, *x[k + 1:]), (x[k],), (tangent,))[1]",
    ),
}


def third_call(family: str, backend: str, api: str, entry: Entry, names: Sequence[str]) -> list[str]:
    """Lines that set `returned`: the third derivative of sum(f) along three coordinates, pass by pass.

    A reverse pass reads a component of a gradient: by the cotangent of the next one, or off the result. jax's gradients
    are L_x - i L_y, so that each of them negates an imaginary component.
    """
    forward = [word == "forward" for word in reversed(api.split("-over-"))]
    reverse = [p for p in range(3) if not forward[p]]
    native = "torch.from_numpy({})" if family == "torch" else "jnp.asarray({})"
    imaginary = "1j" if family == "torch" else "-1j"
    lines = [
        "def loss(*arrays):", "    return outputs(*arrays).sum()", "", "",
        "def direction(name, index, value):", "    unit = np.zeros_like(inputs[name])",
        "    unit.reshape(-1)[index] = value", f"    return {native.format('unit')}", "", "",
        *_TRANSFORMS[backend if backend in _TRANSFORMS else family], "", "", "passes = loss",
    ]
    if backend == "torch.autograd":
        lines += ["for a in arguments:", "    a.requires_grad_(a.is_floating_point() or a.is_complex())"]
    before: int | None = None
    for p, c in enumerate(entry.along):
        k = list(names).index(c.name)
        if forward[p]:
            unit = f'direction("{c.name}", {c.index}, {"1j" if c.part else "1"})'
            lines += [f"passes = pushed(passes, {k}, {unit})"]
        elif before is None:
            lines += [f"passes = gradient(passes, {k})"]
        else:
            picked = entry.along[before]
            unit = f'direction("{picked.name}", {picked.index}, {imaginary if picked.part else "1"})'
            lines += [f"passes = pulled(passes, {k}, {unit})"]
        before = before if forward[p] else p
    result = "passes(*arguments)"
    result = f"{result}.detach().resolve_conj().numpy()" if family == "torch" else f"np.asarray({result})"
    if before is None:
        return [*lines, f"returned = float({result})"]
    read = entry.along[before]
    odd = family == "jax" and sum(entry.along[p].part for p in reverse) % 2
    component = ".imag" if read.part else ".real"
    return [*lines, f"returned = float({'-' if odd else ''}{result}.reshape(-1)[{read.index}]{component})"]
