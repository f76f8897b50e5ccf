"""Five mistakes that people make in ports, each one line of `jax_side` written otherwise."""

from __future__ import annotations

from pathlib import Path

#: name -> (the line's part as it is, as the mistake has it)
MISTAKES = {
    "conjugated-step": (
        "grads = jax.tree.map(jnp.conj, jax.grad(loss)(params, signal, labels))",
        "grads = jax.grad(loss)(params, signal, labels)",
    ),
    "factor-two": (
        "cross_entropy(network(params, signal), labels) + penalty(params))",
        "2 * (cross_entropy(network(params, signal), labels) + penalty(params)))",
    ),
    "real-too-early": (
        'harness.tap("embed", dense(params["embed"], z))',
        'harness.tap("embed", dense(params["embed"], z).real)',
    ),
    "abs-for-abs-squared": ('harness.tap("power", jnp.abs(z) ** 2)', 'harness.tap("power", jnp.abs(z))'),
    "transposed-kernel": (
        'harness.tap("hidden", dense(params["hidden"], z))',
        'harness.tap("hidden", z @ params["hidden"]["kernel"].T + params["hidden"]["bias"])',
    ),
}


def write(name: str, folder: Path) -> str:
    """Write the port with one mistake into a folder; returns the name of the module."""
    right, wrong = MISTAKES[name]
    text = Path(__file__).with_name("jax_side.py").read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{right!r} is in the port {text.count(right)} times"
    module = "port_" + name.replace("-", "_")
    (folder / f"{module}.py").write_text(text.replace(right, wrong), encoding="utf-8")
    return module
