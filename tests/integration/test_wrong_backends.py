"""Test the tester: deliberately wrong backends over the whole catalogue, each diagnosed by name.

What is visible is computed here from the right backend's differential: where the alteration changes nothing (the
conjugate of a real gradient), the verdict has to be `agree`; anywhere else it has to be the alteration's own.
Every case takes part at its generic points; HARNESS_WHOLE=1 takes all points.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cases import catalogue_path
from harness.wirtinger import blocks

pytest.importorskip("torch")

EVERYWHERE = None if os.environ.get("HARNESS_WHOLE") else ["*@generic*"]

#: wrong backend -> (how it alters (u_x, u_y, v_x, v_y) of a pullback's J, verdicts that name it)
ALTERATIONS = {
    "ConjugatesPullback": (lambda a, b, c, d: (a, -b, c, -d), {"conjugate"}),
    "ConjugatesCotangent": (lambda a, b, c, d: (a, b, -c, -d), {"conjugate"}),
    "FlipsSign": (lambda a, b, c, d: (-a, -b, -c, -d), {"sign"}),
    "Halves": (lambda a, b, c, d: (a / 2, b / 2, c / 2, d / 2), {"factor"}),
    "Doubles": (lambda a, b, c, d: (a * 2, b * 2, c * 2, d * 2), {"factor"}),
    "DropsImaginary": (lambda a, b, c, d: (a, 0 * b, c, 0 * d), {"part"}),
    "ReturnsZero": (lambda a, b, c, d: (0 * a, 0 * b, 0 * c, 0 * d), {"zero"}),
    "ReturnsNaN": (lambda a, b, c, d: (a * np.nan, b * np.nan, c * np.nan, d * np.nan), {"nonfinite"}),
    "ThirdConvention": (lambda a, b, c, d: (a, b, c, d), {"agree"}),
}


def indistinguishable(parts: tuple[np.ndarray, ...], altered: tuple[np.ndarray, ...], size: float) -> set[str]:
    """Verdicts that describe this pair of differentials just as well, earlier or later in the contract's order.

    A purely imaginary gradient that lost its imaginary part is zero; negated, it is conjugated.
    """
    a, b, c, d = parts
    words = set()
    before, after = (np.block([[p[0], p[1]], [p[2], p[3]]]) for p in (parts, altered))
    changed = np.abs(before - after).max(axis=1, initial=0) > 1e-11 * size
    if not after[changed].any():  # every row that changed is zero now
        words.add("zero")
    for conjugated in ((a, -b, c, -d), (a, b, -c, -d), (a, -b, -c, d)):
        off = [np.abs(x - y).max(initial=0) for x, y in zip(conjugated, altered, strict=True)]
        if max(off) <= 1e-11 * size:
            words.add("conjugate")
    return words


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> harness.run.Run:
    return observed("torch.func", tmp_path_factory.mktemp("right") / "run")


def observed(backend: str, folder: Path, select: list[str] | None = EVERYWHERE, **options: object) -> harness.run.Run:
    return harness.run(
        [catalogue_path()], backends=[backend], select=select, dtypes=["complex128", "float64"], apis=(), jobs=1,
        reference=False, progress=False, output=folder, **options,
    )  # fmt: skip


def differentials(run: harness.run.Run) -> pd.DataFrame:
    frame = run.observations()
    values = frame[(frame["quantity"] == "value") & (frame["status"] == "ok")]
    kind = {
        (r.case, r.point, r.dtype, r.output): str(r.kind).lstrip("<>=|")[0] == "c"
        for r in values.itertuples(index=False)
    }
    inputs = {(c.id, i.name): i.kind == "complex" for c in run.cases for i in c.inputs}
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback") & (frame["status"] == "ok")]
    out = []
    for r in rows.itertuples(index=False):
        key = (r.case, r.point, r.dtype, r.output)
        out.append((*key, r.input, run.array(r), kind[key], inputs[r.case, r.input]))
    return pd.DataFrame(out, columns=["case", "point", "dtype", "output", "input", "j", "out_complex", "in_complex"])


@pytest.mark.parametrize("name", ALTERATIONS)
def test_each_wrong_backend_is_named_on_the_whole_catalogue(name: str, right: harness.run.Run, tmp_path: Path) -> None:
    alter, words = ALTERATIONS[name]
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run")
    frame = harness.compare([right, wrong])
    pairs = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    verdicts = {
        (str(r.case), str(r.point), str(r.dtype), str(r.output), str(r.input)): str(r.verdict)
        for r in pairs.itertuples(index=False)
    }
    seen = hidden = 0
    problems = []
    for r in differentials(right).itertuples(index=False):
        if not np.isfinite(r.j).all():
            continue
        parts = blocks(r.j, r.out_complex, r.in_complex)
        size = max((float(np.abs(p).max(initial=0)) for p in parts), default=0.0)
        altered = alter(*parts)
        if name == "DropsImaginary" and not r.in_complex:
            altered = parts
        moved = max((float(np.abs(x - y).max(initial=0)) for x, y in zip(parts, altered, strict=True)), default=0.0)
        moved = np.inf if moved != moved else moved  # NaN is a change
        if name == "ReturnsNaN" and not r.j.size:
            moved = 0.0
        verdict = verdicts[str(r.case), str(r.point), str(r.dtype), str(r.output), str(r.input)]
        if moved <= 1e-11 * size:
            hidden += 1
            good = verdict in {"agree", "precision"}
        elif moved >= 1e-3 * size:
            seen += 1
            good = verdict in words or verdict in indistinguishable(parts, altered, size)
        else:
            continue  # an alteration between the two is not what this test is about
        if not good:
            problems.append((r.case, r.point, r.output, r.input, verdict))
    assert not problems, f"{len(problems)} of {seen + hidden}: {problems[:12]}"
    assert name == "ThirdConvention" or seen > 400
    assert hidden > (400 if name == "ThirdConvention" else 0) or name in ("ReturnsNaN",)


def test_forward_that_differs_from_reverse_is_seen_within_the_backend(tmp_path: Path) -> None:
    select = ["exp@generic*", "matmul@generic*"]
    run = observed("tests.wrong_backends:ForwardDiffersFromReverse", tmp_path / "run", select)
    frame = harness.compare(run, axis="api")
    rows = frame[(frame["quantity"] == "differential") & frame["case"].isin(["exp", "matmul"])]
    assert len(rows) and set(rows["verdict"].astype(str)) == {"factor"}


@pytest.mark.parametrize(("name", "verdict"), [("Hangs", "timeout"), ("DiesBySignal", "crash"), ("Raises", "error"),
                                               ("Refuses", "unsupported")])  # fmt: skip
def test_failures_are_rows_with_their_own_verdict(name: str, verdict: str, tmp_path: Path) -> None:
    select = ["exp@generic*", "conj@generic*"]
    options: dict[str, object] = {"seconds": 6.0} if name == "Hangs" else {}
    right = observed("torch.func", tmp_path / "right", select)
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "wrong", select, **options)
    frame = harness.compare([right, wrong])
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    assert set(rows["case"].astype(str)) == {"exp", "conj"}
    assert set(rows["verdict"].astype(str)) == {verdict}


@pytest.mark.parametrize("name", ["Transposes", "SwapsInputs"])
def test_shuffled_gradients_are_a_mismatch(name: str, tmp_path: Path) -> None:
    select = ["matmul@generic*", "inv@generic*", "det@generic*", "divide@generic*"]
    right = observed("torch.func", tmp_path / "right", select)
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "wrong", select)
    frame = harness.compare([right, wrong])
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    affected = rows[rows["case"].isin(["inv"] if name == "Transposes" else ["divide"])]
    assert len(affected) and set(affected["verdict"].astype(str)) == {"mismatch"}
