"""The reviewed lists: names are names of something, and every word means something."""

from __future__ import annotations

import ast

import pytest

from harness.coverage import names as module
from harness.coverage.count import demands
from harness.coverage.features import FEATURES
from harness.coverage.names import data, names, reasons, sections
from harness.expr import table
from tests.coverage.recorded import JAX, TORCH, surveys


def test_names_of_the_lists_exist_in_the_recorded_releases() -> None:
    torch, jax = surveys()
    aliases = {name for group in torch.same for name in group}
    for file in ("same.txt", "reasons.txt"):
        for _, line in sections(data(file)):
            for name in line.split():
                if name.startswith("torch."):
                    assert name in torch.functions or name in aliases or name in _OF_TENSORS, (file, name)
                else:
                    assert name in jax.functions, (file, name)


#: Views that torch's database tests under the name of the function they copy.
_OF_TENSORS = {"torch.split_copy", "torch.select_copy", "torch.slice_copy", "torch.linalg.matrix_exp"}


def test_nothing_that_both_frameworks_have_is_excused() -> None:
    torch, jax = surveys()
    known = names((*torch.same, *jax.same))
    for name, reason in reasons().items():
        if name.startswith("torch.") and not reason.startswith("torch only: JAX has the function"):
            entry = known.functions.get(known.torch.get(name, name))
            theirs = [j for j in (entry.jax if entry else []) if any(jax.functions.get(j, ()))]
            assert not theirs, f"{name} is excused as {reason!r}, but is paired with {theirs}"


def test_reasons_begin_with_the_side_and_are_given_once() -> None:
    seen: set[str] = set()
    for heading, line in sections(data("reasons.txt")):
        assert heading.startswith(("torch only: ", "JAX only: "))
        for name in line.split():
            assert name not in seen, f"{name} has two reasons"
            assert name.startswith("torch.") == heading.startswith("torch")
            seen.add(name)


def test_demands_are_features_of_groups_that_exist() -> None:
    groups = {s.group for s in table().values()} | {h for h, _ in sections(data("same.txt"))} | {"JAX alone"}
    assert set(demands()) <= groups
    for heading, features in demands().items():
        assert features <= set(FEATURES), heading


def test_every_group_of_a_paired_function_has_a_demand() -> None:
    torch, jax = surveys()
    known = names((*torch.same, *jax.same))
    without = {f.group for f in known.functions.values() if f.torch and f.jax} - set(demands())
    assert not without


@pytest.mark.parametrize(
    ("call", "pair"),
    [
        ("max(x)", ("torch.max", "jnp.max")), ("max(x, axis=0)", ("torch.amax", "jnp.max")),
        ("sort(x)", ("torch.sort", "jnp.sort")), ("lerp(a, b, w)", ("torch.lerp", "")),
        ("cbrt(x)", ("", "jnp.cbrt")), ("transpose(x, (1, 0))", ("torch.permute", "jnp.transpose")),
    ],
)
def test_a_row_of_the_spelling_table_pairs_its_outermost_functions(call: str, pair: tuple[str, str]) -> None:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    row = table()[node.func.id].row(len(node.args), [k.arg for k in node.keywords if k.arg])
    assert module.cells(node.func.id, row) == pair


def test_one_jax_name_may_stand_for_two_functions_of_torch() -> None:
    torch, jax = surveys()
    known = names((*torch.same, *jax.same))
    assert {"torch.max", "torch.amax"} <= known.jax["jnp.max"]
    assert known.torch["torch.special.expit"] == "torch.sigmoid"  # by torch's own database
    assert known.torch["torch.max"] != known.torch["torch.amax"]


def test_recorded_releases_are_the_pinned_ones() -> None:
    torch, jax = surveys()
    assert (torch.version.partition("+")[0], jax.version) == (TORCH, JAX)
