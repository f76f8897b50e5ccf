"""What a case may give to a native function: by position and by name, and never what writes, draws or reads outside."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from harness.expr import check
from harness.expr.native import AT, whitelist
from harness.expr.parameters import method_parameters, parameters
from harness.model import CaseError, Place, Source

PLACE = Place("stranger.yaml", 3, 5)


def refuse(text: str, family: str) -> CaseError:
    kind = "portable" if family == "portable" else "native"
    with pytest.raises(CaseError) as caught:
        check(Source(kind, text), ["z", "w"], "torch" if family == "portable" else family, PLACE)
    assert caught.value.place.path == "stranger.yaml"
    assert caught.value.place.line == 3
    assert caught.value.place.column >= 5
    return caught.value


#: How something true is written by position: every spelling must be refused where it would write.
TRUE = ("1", "1 == 1", "z.ndim", "2", "0.5")
SWITCHES = [(name, overload.positional.index("inplace"))
            for name, overloads in sorted(parameters("torch").items())
            for overload in overloads if "inplace" in overload.positional]


def test_there_are_switches_to_test() -> None:
    assert {"torch.nn.functional.relu", "torch.nn.functional.threshold"} <= {name for name, _ in SWITCHES}


@pytest.mark.parametrize("true", TRUE)
@pytest.mark.parametrize(("name", "position"), SWITCHES)
def test_a_switch_that_writes_into_the_input_is_refused_however_it_is_written(
    name: str, position: int, true: str
) -> None:
    before = ", ".join(["z", *["0.5"] * (position - 1)])
    assert "write into an input" in refuse(f"{name}({before}, {true})", "torch").problem
    assert "write into an input" in refuse(f"{name}(z, inplace={true})", "torch").problem


WITHHELD = [(family, name, overload.positional.index(parameter), parameter)
            for family in ("torch", "jax") for name, overloads in sorted(parameters(family).items())
            for overload in overloads for parameter in overload.positional if parameter in overload.withheld]


@pytest.mark.parametrize(("family", "name", "position", "parameter"), WITHHELD)
def test_what_is_withheld_by_name_is_withheld_by_position(
    family: str, name: str, position: int, parameter: str
) -> None:
    before = ["z", *["None"] * (position - 1)] if position else []
    caught = refuse(f"{name}({', '.join([*before, 'w'])})", family)
    assert parameter in f"{caught.problem} {caught.hint}"


HOSTILE = [
    ("torch", "torch.nn.functional.normalize(z, 2.0, 0, 1e-12, w)"),
    ("torch", "torch.tensordot(z, z, 1, w)"),
    ("torch", "torch.norm(z, 2, 0, False, w)"),
    ("torch", "torch.lu(z, True, False, (w, w))"),
    ("torch", "torch.nn.functional.embedding(z, w, None, 1.0)"),
    ("torch", "torch.nn.functional.instance_norm(z, w, w)"),
    ("torch", "torch.nn.functional.batch_norm(z, w, w, None, None, True)"),
    ("torch", "torch.nn.functional.batch_norm(z, w, w, None, None, z.ndim)"),
    ("torch", "torch.nn.functional.batch_norm(z, w, w, training=1 == 1)"),
    ("torch", "torch.nn.functional.scaled_dot_product_attention(z, z, z, None, 0.5)"),
    ("torch", "torch.nn.functional.scaled_dot_product_attention(z, z, z, dropout_p=0.5)"),
    ("torch", "a = [torch.clone(z), z]; a[z.ndim].mul_(2)"),
    ("torch", "a = [torch.clone(z)] + [z]; a[z.ndim].mul_(2)"),
    ("torch", "a = (torch.clone(z), z)[0:2]; a[z.ndim].mul_(2)"),
    ("torch", "torch.nn.functional.ctc_loss(z, w, w, w)"),
    ("torch", "torch.ctc_loss(z, w, w, w)"),
    ("torch", "torch.segment_reduce(z, 'sum', offsets=w)"),
    ("torch", "torch.lu_unpack(z, w)"),
    ("torch", "torch.linalg.ldl_solve(z, w, z)"),
    ("torch", "torch.sum(z, dim=0, dim=0)"),
    ("torch", "torch.sin(z, w, w)"),
    ("torch", "torch.sum(z, nonsense=1)"),
    ("torch", "torch.linspace(0, 1, 10**10)"),
    ("torch", "torch.arange(0, 1.0, 1e-12)"),
    ("torch", "z.sin(w)"),
    ("torch", "z.to(torch.float64, z, z, z)"),
    ("torch", "z.sum(nonsense=1)"),
    ("torch", "z.norm(p=2, out=w)"),
    ("torch", "z.clone(memory_format=w)"),
    ("torch", "torch.clone(z).copy_(w, z)"),
    ("jax", "z.sum(0, None, w)"),
    ("jax", "z.round(2, w)"),
    ("jax", "z.at[0].set(w, nonsense=True)"),
    ("jax", "z.at[0].get(w)"),
    ("jax", "jax.scipy.linalg.dft(100000)"),
    ("jax", "jax.scipy.linalg.dft(n=100000)"),
    ("jax", "jax.scipy.linalg.hadamard(2**16)"),
    ("jax", "jax.scipy.linalg.pascal(5000)"),
    ("jax", "jax.scipy.special.factorial(100000, True)"),
    ("portable", "sum(z, axis=0, axis=0)"),
    ("portable", "trunc(2j)*z"),
    ("portable", "sign(True)*z"),
    ("portable", "power(2, -1)*z"),
    ("portable", "z # \0"),
]


@pytest.mark.parametrize(("family", "text"), HOSTILE)
def test_hostile_texts_are_refused_with_a_place(family: str, text: str) -> None:
    refuse(text, family)


@pytest.mark.parametrize("family", ["torch", "jax"])
def test_every_admitted_function_has_known_parameters(family: str) -> None:
    assert {name for name in parameters(family) if name[0] != "."} == set(whitelist(family).functions)
    listed = whitelist(family)
    methods = {*listed.methods, *listed.inplace, *(f"at.{name}" for name in AT if family == "jax")}
    assert [name for name in methods if not method_parameters(family, name)] == []
    assert {name[1:] for name in parameters(family) if name[0] == "."} <= methods


@pytest.mark.parametrize("text", [
    "torch.nn.functional.relu(z, False)", "torch.nn.functional.relu(z, inplace=False)",
    "torch.nn.functional.relu(torch.clone(z), True)", "torch.nn.functional.batch_norm(z, w, w)",
    "torch.zeros(2, 3) + torch.einsum('ij,jk', z, w)", "torch.tensordot(z, w, 1, None)",
    "a = [torch.clone(z), torch.clone(z)]; a[z.ndim].mul_(2)", "z.permute(1, 0).reshape(2, 3, 1).sum(0, True)",
    "torch.clone(z).index_add_(0, w, z)", "z.norm(2, 0, False).view(z.shape[0], -1)", "z.where(w > 0, w)",
])
def test_what_cannot_write_stays_allowed(text: str) -> None:
    check(Source("native", text), ["z", "w"], "torch", PLACE)


def test_pivots_and_offsets_out_of_range_never_reach_the_function() -> None:
    torch = pytest.importorskip("torch")
    from harness.expr.compiling import compile_source
    from harness.expr.guards import OutOfRange

    def call(text: str, *arrays: object) -> object:
        return compile_source(Source("native", text), ["a", "b", "c"], "torch", {"torch": torch})(*arrays)

    lu, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    right = torch.tensor([[5.0], [11.0]])
    solve, old = "torch.linalg.lu_solve(a, b, c)", "torch.lu_solve(c, a, b)"
    for text in (solve, old):
        assert torch.allclose(call(text, lu, pivots, right), torch.tensor([[1.0], [2.0]]))
        for wrong in ([100_000_000, 2], [0, 1], [-5, 2]):
            with pytest.raises(OutOfRange):
                call(text, lu, torch.tensor(wrong, dtype=torch.int32), right)
    bag = "torch.nn.functional.embedding_bag(a, b, c)"
    weight, indices = torch.arange(6.0).reshape(3, 2), torch.tensor([0, 2, 1])
    assert call(bag, indices, weight, torch.tensor([0, 2])).shape == (2, 2)
    for wrong in ([0, 10_000_000], [0, -1], [2, 1]):
        with pytest.raises(OutOfRange):
            call(bag, indices, weight, torch.tensor(wrong))
    with pytest.raises(OutOfRange):
        call(bag, torch.tensor([0, 3]), weight, torch.tensor([0]))


LISTED = [tuple(line.split("\t")) for line in
          Path(__file__).with_name("hostile_texts.txt").read_text(encoding="utf-8").splitlines() if "\t" in line]


def test_a_stranger_has_many_ideas_and_none_gets_through() -> None:
    """At least 150, of new kinds: each is refused with a place, and all of them in less than 400 MB."""
    assert len(set(LISTED)) == len(LISTED) >= 150
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for family, text in LISTED:
        refuse(text, family)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


@pytest.mark.parametrize(("family", "text"), [
    ("torch", "(" * 5000 + "z" + ")" * 5000), ("torch", "-" * 5000 + "z"), ("portable", "z" + "+z" * 9000),
    ("portable", "z" + "[0]" * 3000), ("jax", "jnp.sum(" * 500 + "z" + ")" * 500), ("portable", "z" + "**2" * 4000),
    ("portable", "a=z;" * 3000 + "a"), ("torch", "torch.tensor([" + "1," * 9000 + "])"), ("portable", "#" * 30_000),
])
def test_long_texts_are_refused_before_they_are_parsed(family: str, text: str) -> None:
    refuse(text, family)


INTEGERS_OUT_OF_SHAPES = [
    ("torch", "native", "torch.zeros(z.shape[0] * 2**50)"), ("torch", "native", "z.expand(z.ndim * 4 * 2**50, 3)"),
    ("jax", "native", "jax.lax.full((z.ndim * 2**50 * 2**12,), 2)"),
    ("jax", "native", "jnp.zeros((z.ndim * 10**5, z.ndim * 10**5))"), ("jax", "native", "z.repeat(z.ndim * 2**40)"),
    ("jax", "native", "jax.scipy.linalg.dft(z.ndim * 2**12)"),
    ("torch", "portable", "zeros((z.shape[0] * 2**50, 3)) + z"),
    ("jax", "portable", "zeros((z.shape[0] * 2**50, 3)) + z"),
]


@pytest.mark.parametrize(("family", "kind", "text"), INTEGERS_OUT_OF_SHAPES)
def test_integers_that_come_out_of_shapes_are_bounded_before_the_call(family: str, kind: str, text: str) -> None:
    """XLA ends the process where a size overflows; a portable text's reference would fill the memory."""
    from harness.expr.compiling import compile_source
    from harness.expr.limits import TooBig

    framework = pytest.importorskip(family)
    roots = {"torch": framework} if family == "torch" else {"jax": framework, "jnp": framework.numpy}
    z = framework.ones(3) if family == "torch" else framework.numpy.ones(3)
    with pytest.raises(TooBig, match="too big"):
        compile_source(Source(kind, text), ["z"], family, roots)(z)
    within = text.replace("2**50", "2").replace("2**12", "2").replace("2**40", "2").replace("10**5", "10")
    compile_source(Source(kind, within), ["z"], family, roots)(z)
