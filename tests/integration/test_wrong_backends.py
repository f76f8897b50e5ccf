"""Test the tester: deliberately wrong backends over the whole catalogue, each diagnosed by name.

What is visible is computed here from the right backend's differential: where the alteration changes nothing (the
conjugate of a real gradient), the verdict has to be `agree`; anywhere else it has to be the alteration's own.
Every case takes part at its generic points; HARNESS_WHOLE=1 takes all points.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cases import catalogue_path, load
from harness.wirtinger import blocks
from tests import wrong_backends

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
def right(tmp_path_factory: pytest.TempPathFactory) -> harness.runs.Run:
    return observed("torch.func", tmp_path_factory.mktemp("right") / "run")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> harness.runs.Run:
    return observed("reference", tmp_path_factory.mktemp("truth") / "run")


def observed(backend: str, folder: Path, select: list[str] | None = EVERYWHERE, **options: object) -> harness.runs.Run:
    return harness.run(
        [catalogue_path()], backends=[backend], select=select, dtypes=["complex128", "float64"], apis=(), jobs=1,
        reference=False, progress=False, output=folder, **options,
    )


def blamed(frame: pd.DataFrame) -> dict[str, dict[tuple[str, ...], Any]]:
    """"torch.func": key -> (verdict against the reference, culprit); "pair": key -> culprit against the other side."""
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    out: dict[str, dict[tuple[str, ...], Any]] = {"torch.func": {}, "pair": {}}
    for r in rows.itertuples(index=False):
        key = (str(r.case), str(r.point), str(r.dtype), str(r.output), str(r.input))
        sides = {str(r.left).partition(":")[0], str(r.right).partition(":")[0]}
        if sides == {"torch.func", "reference"}:
            out["torch.func"][key] = (str(r.verdict), str(r.culprit))
        elif "reference" not in sides:
            out["pair"][key] = str(r.culprit)
    return out


def differentials(run: harness.runs.Run) -> pd.DataFrame:
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
def test_each_wrong_backend_is_named_on_the_whole_catalogue(
    name: str, right: harness.runs.Run, truth: harness.runs.Run, tmp_path: Path
) -> None:
    alter, words = ALTERATIONS[name]
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run")
    culprits = blamed(harness.compare([right, wrong, truth]))
    verdicts = pullbacks(right, wrong)
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
    # Where torch.func agrees with the reference, what differs from it is the fault of the other side.
    mine = getattr(wrong_backends, name).name
    # No derivative has been agreed upon where an argument is NaN (nanmedian), so nobody is accused there.
    finite = {(c.id, p.name) for c in right.cases for p in c.points
              if all(np.isfinite(a).all() for a in p.arrays.values())}
    sound = {key for key, (verdict, _) in culprits["torch.func"].items() if verdict == "agree" and key[:2] in finite}
    # torch.masked's variances are complex where the reference's are real: half of J has no truth to be charged with.
    sound = {key for key in sound if not key[0].startswith("complex-masked-")}
    off = {key for key in sound if verdicts.get(key) in words - {"agree"}}
    unnamed = sorted(key for key in off if culprits["pair"].get(key) != mine)
    innocent = sorted(key for key in sound if culprits["pair"].get(key) in ("torch.func", "both"))
    assert not unnamed, f"{len(unnamed)} of {len(off)}: {unnamed[:12]}"
    assert not innocent, innocent[:12]
    assert name == "ThirdConvention" or len(off) > 400
    assert name == "ThirdConvention" or seen > 400
    assert hidden > (400 if name == "ThirdConvention" else 0) or name in ("ReturnsNaN",)


def described(parts: tuple[np.ndarray, ...], altered: tuple[np.ndarray, ...], size: float) -> set[str]:
    """The simple verdicts that fit an alteration which is none by design (a transpose may be a change of sign)."""
    words = indistinguishable(parts, altered, size)
    before, after = (np.concatenate([p.ravel() for p in quarters]) for quarters in (parts, altered))
    changed = np.abs(before - after) > 1e-11 * size
    x, y = before[changed], after[changed]
    if np.abs(x + y).max() <= 1e-11 * size:
        words.add("sign")
    if not x.any() or not y.any():
        words.add("zero")
    factor = float(x @ y) / float(x @ x) if x.any() else 0.0
    if np.abs(factor * x - y).max() <= 1e-9 * size:
        words.add("factor")
    if all(not p.any() or np.abs(p - q).max() <= 1e-11 * size for p, q in zip(altered, parts, strict=True)):
        words.add("part")  # whole quarters are missing
    return words


def transposed(rows: pd.DataFrame) -> list[tuple[np.ndarray, ...]]:
    """J of each row with every quarter transposed where it is square."""
    quarters = [blocks(r.j, r.out_complex, r.in_complex) for r in rows.itertuples(index=False)]
    return [tuple(p.T if p.shape[0] == p.shape[1] else p for p in four) for four in quarters]


def swapped(rows: pd.DataFrame) -> list[tuple[np.ndarray, ...]]:
    """J of each row with the blocks of the first two inputs that look alike exchanged."""
    place = {(r.case, r.point, r.dtype, r.output, r.input): k for k, r in enumerate(rows.itertuples(index=False))}
    quarters = [blocks(r.j, r.out_complex, r.in_complex) for r in rows.itertuples(index=False)]
    found = list(quarters)
    cases = {c.id: c for c in load([catalogue_path()])}
    for r in rows.itertuples(index=False):
        case = cases[r.case]
        moving = [i for i in case.inputs if i.differentiate]
        pairs = [(a.name, b.name) for n, a in enumerate(moving) for b in moving[n + 1 :]
                 if (a.shape, a.kind) == (b.shape, b.kind)]
        for a, b in pairs[:1]:
            if r.input in (a, b):
                other = b if r.input == a else a
                at = place.get((r.case, r.point, r.dtype, r.output, other))
                if at is not None:
                    found[place[r.case, r.point, r.dtype, r.output, r.input]] = quarters[at]
    return found


@pytest.mark.parametrize(("name", "alter", "least"), [("Transposes", transposed, 60), ("SwapsInputs", swapped, 40)])
def test_shuffled_gradients_are_a_mismatch_on_the_whole_catalogue(
    name: str, alter: Callable[[pd.DataFrame], list[tuple[np.ndarray, ...]]], least: int, right: harness.runs.Run,
    tmp_path: Path,
) -> None:
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run")
    verdicts = pullbacks(right, wrong)
    rows = differentials(right)
    mismatches = hidden = 0
    problems = []
    for r, altered in zip(rows.itertuples(index=False), alter(rows), strict=True):
        parts = blocks(r.j, r.out_complex, r.in_complex)
        both = [*parts, *altered]
        if not all(np.isfinite(p).all() for p in both):
            continue
        size = max((float(np.abs(p).max(initial=0)) for p in both), default=0.0)
        moved = max((float(np.abs(x - y).max(initial=0)) for x, y in zip(parts, altered, strict=True)), default=0.0)
        verdict = verdicts[r.case, r.point, r.dtype, r.output, r.input]
        if moved <= 1e-11 * size:
            hidden += 1
            good = verdict in {"agree", "precision"}
        elif moved >= 1e-3 * size:
            words = described(parts, altered, size)
            mismatches += not words
            good = verdict in words or verdict == "mismatch"
        else:
            continue
        if not good:
            problems.append((r.case, r.point, r.output, r.input, verdict))
    assert not problems, f"{len(problems)}: {problems[:12]}"
    assert mismatches > least and hidden > 300, (mismatches, hidden)


def pullbacks(right: harness.runs.Run, wrong: harness.runs.Run) -> dict[tuple[str, ...], str]:
    """(case, point, dtype, output, input) -> verdict on the differential from pullbacks."""
    frame = harness.compare([right, wrong])
    pairs = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    return {
        (str(r.case), str(r.point), str(r.dtype), str(r.output), str(r.input)): str(r.verdict)
        for r in pairs.itertuples(index=False)
    }


def test_forward_that_differs_from_reverse_is_seen_within_the_backend(right: harness.runs.Run, tmp_path: Path) -> None:
    run = observed("tests.wrong_backends:ForwardDiffersFromReverse", tmp_path / "run")

    def judged(run: harness.runs.Run) -> dict[tuple[str, ...], str]:
        frame = harness.compare(run, axis="api")
        rows = frame[frame["quantity"] == "differential"]
        columns = ("case", "point", "dtype", "output", "input")
        return {
            tuple(str(getattr(r, c)) for c in columns): str(r.verdict) for r in rows.itertuples(index=False)
        }

    sound = {key for key, verdict in judged(right).items() if verdict == "agree"}
    verdicts = judged(run)
    zero = {
        (r.case, r.point, r.dtype, r.output, r.input) for r in differentials(right).itertuples(index=False)
        if not r.j.any()
    }
    wrong = {key: verdicts[key] for key in sound - zero if verdicts[key] != "factor"}
    assert not wrong, f"{len(wrong)}: {list(wrong.items())[:12]}"
    assert len(sound - zero) > 500


@pytest.mark.parametrize(("name", "verdict"), [("Raises", "error"), ("Refuses", "unsupported")])
def test_failures_are_rows_with_their_own_verdict_on_the_whole_catalogue(
    name: str, verdict: str, right: harness.runs.Run, tmp_path: Path
) -> None:
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run")
    verdicts = pullbacks(right, wrong)
    keys = differentials(right)[["case", "point", "dtype", "output", "input"]]
    asked = [tuple(map(str, row)) for row in keys.itertuples(index=False)]
    found = {key: verdicts[key] for key in asked if verdicts[key] != verdict}
    assert len(asked) > 500 and not found, f"{len(found)}: {list(found.items())[:12]}"


@pytest.mark.parametrize(("name", "verdict"), [("HangsAtOnce", "timeout"), ("DiesAtOnce", "crash")])
def test_lost_processes_are_rows_with_their_own_verdict(name: str, verdict: str, tmp_path: Path) -> None:
    cases = load([catalogue_path()])
    if EVERYWHERE is not None:  # losing a process costs a start: one case of each family
        cases = tuple({c.family: c for c in reversed(cases)}.values())
    select = [f"{c.id}@{c.points[0].name}" for c in cases]
    options: dict[str, object] = {"seconds": 0.3} if name == "HangsAtOnce" else {}
    right = observed("torch.func", tmp_path / "right", select)
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "wrong", select, **options)
    frame = harness.compare([right, wrong])
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    spoken = right.observations()
    expected = set(spoken[(spoken["api"] == "pullback")]["case"].astype(str))
    assert len(expected) > 25 and expected <= set(rows["case"].astype(str))
    others = rows[rows["verdict"].astype(str) != verdict]
    assert others.empty, others[["case", "point", "verdict", "note"]].head(12).to_string()


@pytest.mark.parametrize(("name", "verdict"), [("Hangs", "timeout"), ("DiesBySignal", "crash")])
def test_a_framework_that_is_lost_in_the_middle_keeps_its_other_rows(name: str, verdict: str, tmp_path: Path) -> None:
    select = ["exp@generic*", "conj@generic*"]
    options: dict[str, object] = {"seconds": 6.0} if name == "Hangs" else {}
    right = observed("torch.func", tmp_path / "right", select)
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "wrong", select, **options)
    rows = harness.compare([right, wrong])
    rows = rows[rows["quantity"] == "differential"]
    for api, word in (("pullback", verdict), ("pushforward", "agree")):
        seen = rows[rows["api"] == api]
        assert set(seen["case"].astype(str)) == {"exp", "conj"}
        # a task that was lost as often as it may be is not begun again
        assert {word} <= set(seen["verdict"].astype(str)) <= {word, verdict}
