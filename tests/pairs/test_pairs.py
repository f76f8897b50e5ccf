"""Published packages audited against one another: as they are, and with mistakes planted in the user's few lines."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.audit import Audit, audit, compare_gradients
from tests.pairs.pairs import PAIRS, Pair, Plant

pytestmark = pytest.mark.pairs


PLANTED = [pytest.param(pair, plant, id=f"{pair.name}-{k}") for pair in PAIRS for k, plant in enumerate(pair.plants)]


def _needed(pair: Pair) -> None:
    for name in pair.packages:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} cannot be had here; nox -s pairs installs it")


def _written(pair: Pair, folder: Path, plant: Plant | None) -> Path:
    """The user's files in a folder, with the mistake; the one that holds the JAX side."""
    for source in pair.sources:
        text = source.read_text(encoding="utf-8")
        if plant is not None and plant.old in text:
            text = text.replace(plant.old, plant.new, 1)
        (folder / source.name).write_text(text.replace("from tests.pairs.ports.", "from "), encoding="utf-8")
    return folder / (f"{pair.name}_jax.py" if pair.files else f"{pair.name}.py")


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _audited(pair: Pair, path: Path) -> Audit:
    if pair.files:
        names = {side: f"{pair.name}_{side}:inputs" for side in ("torch", "jax")}
        return audit(f"{pair.name}_torch:torch_side", f"{pair.name}_jax:jax_side", torch_inputs=names["torch"],
                     jax_inputs=names["jax"], path=[str(path.parent)], timeout=600, **pair.options)
    user = _loaded(path)
    options: dict[str, Any] = {name: getattr(user, name, None) for name in ("mapping", "torch_step", "jax_step")}
    options |= pair.options
    return compare_gradients(user.torch_side, user.jax_side, user.torch_inputs, jax_inputs=(
        None if user.jax_inputs is user.torch_inputs else user.jax_inputs), **options)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_a_published_pair_agrees(pair: Pair, tmp_path: Path) -> None:
    """Nothing is left over, nobody is accused, every gradient is compared and agrees, and none is zero throughout."""
    _needed(pair)
    found = _audited(pair, _written(pair, tmp_path, None))
    text = found.text(120)
    assert found.exit_status == 0, text
    assert found.values_agree and found.gradients_agree and found.culprit == "" and not found.origins, text
    assert len(found.rows) == pair.rows, text
    assert all(c.consistent for c in found.checks) and {c.side for c in found.checks} == {"torch", "jax"}, text


@pytest.mark.parametrize(("pair", "plant"), PLANTED)
def test_a_planted_mistake_is_named_on_both_sides(pair: Pair, plant: Plant, tmp_path: Path) -> None:
    """One origin, of its kind, within one line on both sides; a gradient that is lost is the JAX side's fault.

    A mistake in an optimiser's step is no origin: the updates differ, of every parameter.
    """
    _needed(pair)
    path = _written(pair, tmp_path, plant)
    found = _audited(pair, path)
    text = found.text(120)
    torch = path.with_name(f"{pair.name}_torch.py") if pair.files else path
    assert found.exit_status == 1 and not found.faults, text
    if plant.kind == "step":
        assert found.values_agree and found.gradients_agree and all(s.odd for s in found.steps) and found.steps, text
        return
    assert found.culprit == ("jax" if plant.kind == "gradient" else ""), text
    assert found.values_agree == (plant.kind == "gradient"), text
    assert [o.kind for o in found.origins] == [plant.kind], text
    for place, file, word in ((found.origins[0].torch, torch, plant.torch),
                              (found.origins[0].jax, path, plant.jax or plant.new.splitlines()[-1])):
        name, _, line = place.rpartition(":")
        lines = [k for k, held in enumerate(file.read_text().splitlines(), 1) if word in held]
        assert os.path.samefile(name, file) and min(abs(int(line) - k) for k in lines) <= 1, text
