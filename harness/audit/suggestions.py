"""What to write: an optimiser step in JAX that moves complex parameters as torch's does, as code that can be pasted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.audit.answer import Audit
from harness.audit.result import HARMLESS, Suggestion
from harness.audit.state import State
from harness.report.text import some

#: torch's other optimisers with their defaults, and where optax's differ: (what differs, optax's call).
_OTHERS = (
    ("torch.optim.AdamW decays by weight_decay=0.01, optax.adamw by 0.0001 unless told; eps is 1e-8 in both",
     "optax.adamw(lr, weight_decay=0.01)"),
    ("torch.optim.RMSprop has alpha=0.99, optax.rmsprop decay=0.9; torch adds eps after the root",
     "optax.rmsprop(lr, decay=0.99, eps_in_sqrt=False)"),
    ("torch.optim.Adagrad starts from 0, optax.adagrad from 0.1; torch adds eps=1e-10 after the root",
     "optax.adagrad(lr, initial_accumulator_value=0.0, eps=1e-20)"),
)


def suggestions(state: State, audit: Audit) -> list[Suggestion]:
    """How to write a step, where a complex parameter makes it matter and the gradients are right."""
    links = [x for x in state.differentiated if np.iscomplexobj(state.array("jax", x.jax))]
    wrong = audit.culprit or any(r.verdict not in HARMLESS for r in audit.rows)
    if not links or not audit.values_agree or wrong:
        return []
    leaves = {leaf.name: leaf for leaf in state.loaded["jax"].leaves}
    order = list(dict.fromkeys(leaf.argument for leaf in state.loaded["jax"].leaves))
    moving = [a for a in order if a in {leaves[x.jax].argument for x in links}]
    still = [leaf.name for leaf in state.whole("jax") if leaf.argument in moving and not leaf.differentiate]
    outputs = list(state.seen["jax"].outputs.values())
    one = len(outputs) == 1 and outputs[0].shape == () and not np.iscomplexobj(outputs[0])
    _, _, name = audit.jax.rpartition(":")
    call = _Call(name if name.isidentifier() else "loss", order, moving, state.loaded["jax"].keywords)
    if still:
        return [Suggestion(
            f"{some(still)}: no parameter, but beside complex ones in {', '.join(moving)}. jax.grad wants "
            "floating-point arrays alone, and a step would move what is constant: take the gradient of a tree of the "
            "others (equinox.partition makes one). What jax.grad returns of a complex one is L_x - i L_y; jnp.conj of "
            "it is what torch has in p.grad, and goes into the optimiser.")]
    out = _steps(call) if one else [_pullback(call, len(outputs))]
    if any(not np.iscomplexobj(state.array("jax", x.jax)) for x in state.differentiated):
        out.append(Suggestion(
            "For a real parameter of a complex path both frameworks keep Re alone, without a word. jax.grad(..., "
            "holomorphic=True) gives the derivative only if the function is holomorphic, and nothing checks that."
        ))
    real = [a for a in order if a not in moving and any(
        leaves[x.jax].argument == a for x in state.differentiated)]
    if one and real:
        out.append(Suggestion(f"The code moves arguments with complex parameters. {', '.join(real)}: add "
                              f"{'its place' if len(real) == 1 else 'their places'} to argnums if trained too."))
    return out


class _Call:
    """The user's function and its arguments as text. moving: the arguments that a step moves, in the call's order."""

    def __init__(self, name: str, order: Sequence[str], moving: Sequence[str], keywords: Sequence[str]) -> None:
        self.moving = list(moving)
        given = [f"{a}={a}" if a in keywords else a for a in order]
        self.places = [order.index(a) for a in moving]
        self.function, self.arguments = name, given
        if any(a in keywords for a in moving):  # jax.grad takes places, not names
            self.function = f"lambda {', '.join(moving)}: {name}({', '.join(given)})"
            self.arguments, self.places = list(moving), list(range(len(moving)))
        self.trees = moving[0] if len(moving) == 1 else f"({', '.join(moving)})"
        self.targets = ", ".join(moving)
        self.words = {w: w if w not in order else f"{w}_" for w in ("grads", "lr", "opt", "state", "updates", "pull",
                                                                    "out", "c")}

    @property
    def argnums(self) -> str:
        if self.places == [0]:
            return ""
        return f", argnums={self.places[0] if len(self.places) == 1 else tuple(self.places)}"


def _steps(call: _Call) -> list[Suggestion]:
    w, trees, state = call.words, call.trees, call.words["state"]
    what = "  # L_x - i L_y" + (" of each" if len(call.moving) > 1 else "")
    grad = f"{w['grads']} = jax.grad({call.function}{call.argnums})({', '.join(call.arguments)}){what}"
    split = f"{w['opt']} = optax.contrib.split_real_and_imaginary"
    plain = [
        grad,
        f"{w['grads']} = jax.tree.map(jnp.conj, {w['grads']})  # L_x + i L_y, the number that torch has in p.grad",
        f"{call.targets} = jax.tree.map(lambda p, g: p - {w['lr']} * g, {trees}, {w['grads']})",
    ]
    adam = [
        f"{split}(optax.adam({w['lr']}))  # once, with {state} = {w['opt']}.init({trees})", grad,
        f"{w['updates']}, {state} = {w['opt']}.update(jax.tree.map(jnp.conj, {w['grads']}), {state}, {trees})",
        f"{call.targets} = optax.apply_updates({trees}, {w['updates']})",
    ]
    others = [line for why, made in _OTHERS
              for line in (f"# {why}", f"{split}({made.replace('(lr', '(' + w['lr'])})")]
    return [
        Suggestion("A step in JAX that equals torch's p -= lr * p.grad:", "\n".join(plain)),
        Suggestion(
            "With optax, which wants the conjugate too. torch.optim.Adam squares real and imaginary parts apart, "
            "optax.adam alone takes |g|^2 of both and so makes other steps; split_real_and_imaginary makes torch's:",
            "\n".join(adam),
        ),
        Suggestion(
            "For other optimisers of torch, with its defaults, one of these in the place of the first line:",
            "\n".join(others),
        ),
    ]


def _pullback(call: _Call, count: int) -> Suggestion:
    w, conjugated = call.words, "jax.tree.map(jnp.conj, c)" if count > 1 else "jnp.conj(c)"
    function, arguments = call.function, call.arguments
    if call.moving != [a.partition("=")[0] for a in arguments]:  # what does not move has no cotangent
        function = f"lambda {', '.join(call.moving)}: {function}({', '.join(arguments)})"
        arguments = call.moving
    return Suggestion(
        "The outputs are not one real number, which is what jax.grad and backward() ask for. To pull a cotangent "
        f"{w['c']} back and get torch's number in JAX, conjugate both ends:",
        f"{w['out']}, {w['pull']} = jax.vjp({function}, {', '.join(arguments)})\n"
        f"{w['grads']} = jax.tree.map(jnp.conj, {w['pull']}({conjugated.replace('(c', '(' + w['c'])}))"
        f"  # torch.autograd.grad({w['out']}, inputs, {w['c']})",
    )
