"""Test the tester: deliberately wrong backends over the catalogue, each diagnosed by name.

The comparison is under test, not the frameworks: torch.func and the reference are recorded once, at the generic points
of every twelfth case, and a wrong backend is that recording with its pullbacks altered. That the classes of
tests/wrong_backends.py do to a backend what is done to the recording here is tested in tests/backends/test_wrong.py;
and some of them are run from end to end, one case of each family. `nox -s whole` asks the same of every case.

What is visible is computed from the right differential: where the alteration changes nothing (the conjugate of a real
gradient), the verdict has to be `agree`; anywhere else it has to be the alteration's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import harness
from harness.cases import catalogue_path, load
from harness.comparison import compare_tables
from harness.runs import Run
from harness.wirtinger import blocks
from tests import wrong_backends
from tests.in_process import InProcess
from tests.recorded import once

pytest.importorskip("torch")


@dataclass(frozen=True)
class Extent:
    """How much of the catalogue is recorded: every `step`-th case, and those that some test asks for by name."""

    name: str
    step: int

    def select(self) -> list[str]:
        cases = load([catalogue_path()])
        named = {"exp", "conj", "arccosh", *WRONG_ITSELF}
        return [f"{c.id}@generic*" for k, c in enumerate(cases)
                if (k % self.step == 0 or c.id in named) and any(p.name.startswith("generic") for p in c.points)]

    def least(self, count: int) -> int:
        """Of a number for the whole catalogue, the share that has to be met here."""
        return count // self.step - count // 40


SOME, WHOLE = Extent("some", 12), Extent("whole", 1)
SOME_CASES = pytest.mark.parametrize("extent", [SOME], indirect=True, ids=["some"])
EVERY_CASE = pytest.mark.parametrize("extent", [WHOLE], indirect=True, ids=["whole"])


@pytest.fixture(scope="session", params=[SOME, pytest.param(WHOLE, marks=pytest.mark.whole)], ids=lambda e: e.name)
def extent(request: pytest.FixtureRequest) -> Extent:
    return request.param


#: torch's derivative of these is 0 in silence, on every side.
WRONG_ITSELF = {"bessel-j0-native"}

Parts = tuple[np.ndarray, ...]

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


def observed(backend: str, folder: Path, select: list[str], **options: object) -> Run:
    return harness.run(
        [catalogue_path()], backends=[backend], select=select, dtypes=["complex128", "float64"], apis=(), jobs=1,
        reference=False, progress=False, output=folder, **{"executor": InProcess(), **options},
    )


def recorded(factory: pytest.TempPathFactory, backend: str, extent: Extent) -> Run:
    select = extent.select()
    made = once(factory, f"{backend}-{extent.name}", lambda folder: observed(backend, folder / "run", select))
    return Run.open(made / "run")


@pytest.fixture(scope="session")
def right(tmp_path_factory: pytest.TempPathFactory, extent: Extent) -> Run:
    return recorded(tmp_path_factory, "torch.func", extent)


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory, extent: Extent) -> Run:
    return recorded(tmp_path_factory, "reference", extent)


class Recorded:
    """A recording as `compare_tables` takes it: observations, header, cases."""

    def __init__(self, table: Any, header: dict[str, Any], cases: Sequence[Any]) -> None:
        self.table, self.header, self.cases = table, header, cases

    @classmethod
    def of(cls, run: Run) -> Recorded:
        return cls(run.table(), dict(run.header), run.cases)

    def at(self, points: set[tuple[str, str]]) -> Recorded:
        """What was observed at these (case, point)."""
        keys = zip(self.table.column("case").to_pylist(), self.table.column("point").to_pylist(), strict=True)
        return Recorded(self.table.filter([key in points for key in keys]), self.header, self.cases)

    def renamed(self, name: str, changes: dict[int, dict[str, Any]]) -> Recorded:
        """The same from a backend of another name, with some rows changed: {row: {column: value}}."""
        rows = self.table.to_pylist()
        for row in rows:
            row["backend"] = name
        for k, change in changes.items():
            rows[k].update(change)
        targets = [{**t, "backend": name} for t in self.header["targets"]]
        table = pa.Table.from_pylist(rows, self.table.schema)
        return Recorded(table, {**self.header, "targets": targets}, self.cases)


def compared(*recorded: Recorded, axis: str = "backend") -> pd.DataFrame:
    """The comparison, without what the catalogue expects of it."""
    return compare_tables(
        [r.table for r in recorded], [r.header for r in recorded], [r.cases for r in recorded], axis, expect=(),
    )


@pytest.fixture(scope="module")
def recording(right: Run) -> Recorded:
    return Recorded.of(right)


@pytest.fixture(scope="module")
def reference(truth: Run) -> Recorded:
    return Recorded.of(truth)


@pytest.fixture(scope="module")
def pullback(right: Run) -> pd.DataFrame:
    """One row a differential from pullbacks: its key, J, whether output and input are complex, its row of the run."""
    return differentials(right)


def whole(parts: Parts, out_complex: bool, in_complex: bool) -> np.ndarray:
    """J of its quarters (u_x, u_y, v_x, v_y); those of a real side are left out. Inverse of `blocks`."""
    a, b, c, d = parts
    upper = np.hstack([a, b]) if in_complex else a
    return np.vstack([upper, np.hstack([c, d]) if in_complex else c]) if out_complex else upper


def altered(recording: Recorded, pullback: pd.DataFrame, name: str, quarters: Sequence[Parts]) -> Recorded:
    """The recording with these quarters for each differential from pullbacks, in the order of `pullback`."""
    changes = {}
    for r, parts in zip(pullback.itertuples(index=False), quarters, strict=True):
        j = np.ascontiguousarray(whole(parts, r.out_complex, r.in_complex), r.j.dtype)
        assert j.shape == r.j.shape
        changes[r.row] = {"data": j.tobytes()}
    return recording.renamed(name, changes)


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


def differentials(run: Run) -> pd.DataFrame:
    frame = run.observations()
    values = frame[(frame["quantity"] == "value") & (frame["status"] == "ok")]
    kind = {
        (r.case, r.point, r.dtype, r.output): str(r.kind).lstrip("<>=|")[0] == "c"
        for r in values.itertuples(index=False)
    }
    inputs = {(c.id, i.name): i.kind == "complex" for c in run.cases for i in c.inputs}
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback") & (frame["status"] == "ok")]
    out = []
    for r in rows.itertuples():
        key = tuple(map(str, (r.case, r.point, r.dtype, r.output)))
        out.append((*key, str(r.input), run.array(r), kind[key], inputs[r.case, r.input], int(r.Index)))
    columns = ["case", "point", "dtype", "output", "input", "j", "out_complex", "in_complex", "row"]
    return pd.DataFrame(out, columns=columns)


def quarters_of(rows: pd.DataFrame) -> list[Parts]:
    return [blocks(r.j, r.out_complex, r.in_complex) for r in rows.itertuples(index=False)]


def changed(name: str, rows: pd.DataFrame) -> list[Parts]:
    """What a wrong backend of ALTERATIONS makes of each differential."""
    alter, _ = ALTERATIONS[name]
    return [
        parts if name == "DropsImaginary" and not r.in_complex else alter(*parts)
        for r, parts in zip(rows.itertuples(index=False), quarters_of(rows), strict=True)
    ]


def assert_named(
    name: str, pair: pd.DataFrame, all_three: pd.DataFrame, rows: pd.DataFrame, right: Run, least: int
) -> None:
    """The alteration is named wherever it shows: pair compares right and wrong; all_three, where nobody but the wrong
    side may be blamed, the reference too."""
    words = ALTERATIONS[name][1]
    mine = getattr(wrong_backends, name).name
    culprits, verdicts, accused = blamed(all_three), pullbacks(pair, mine), blamed(pair)["pair"]
    seen = hidden = 0
    problems = []
    for r, altered in zip(rows.itertuples(index=False), changed(name, rows), strict=True):
        if not np.isfinite(r.j).all():
            continue
        parts = blocks(r.j, r.out_complex, r.in_complex)
        size = max((float(np.abs(p).max(initial=0)) for p in parts), default=0.0)
        moved = max((float(np.abs(x - y).max(initial=0)) for x, y in zip(parts, altered, strict=True)), default=0.0)
        moved = np.inf if moved != moved else moved  # NaN is a change
        if name == "ReturnsNaN" and not r.j.size:
            moved = 0.0
        verdict = verdicts[r.case, r.point, r.dtype, r.output, r.input]
        if moved <= 1e-11 * size:
            hidden += 1
            # Where the recording itself is wrong by differences of its values, a copy of it is wrong as well.
            key = (r.case, r.point, r.dtype, r.output, r.input)
            good = verdict in {"agree", "precision"} or (key[0] in WRONG_ITSELF and accused.get(key) == "both")
        elif moved >= 1e-3 * size:
            seen += 1
            good = verdict in words or verdict in indistinguishable(parts, altered, size)
        else:
            continue  # an alteration between the two is not what this test is about
        if not good:
            problems.append((r.case, r.point, r.output, r.input, verdict))
    assert not problems, f"{len(problems)} of {seen + hidden}: {problems[:12]}"
    # Where torch.func agrees with the reference, what differs from it is the fault of the other side. No derivative has
    # been agreed upon where an argument is NaN (nanmedian), so nobody is accused there.
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
    if name == "ThirdConvention":
        assert hidden > least and not seen
    else:
        assert len(off) > least and seen > least
        assert hidden or name == "ReturnsNaN"


@pytest.mark.parametrize("name", [n for n in ALTERATIONS if n != "ThirdConvention"])
def test_each_alteration_is_named_all_over_the_catalogue(
    name: str, extent: Extent, right: Run, recording: Recorded, reference: Recorded, pullback: pd.DataFrame
) -> None:
    mine = getattr(wrong_backends, name).name
    wrong = altered(recording, pullback, mine, changed(name, pullback))
    # who is blamed is asked at one point of each case
    points = points_of(first_of_each(pullback, pullback["case"]))
    blame = compared(recording.at(points), wrong.at(points), reference.at(points))
    assert_named(name, compared(recording, wrong), blame, pullback, right, extent.least(400))


#: Run from end to end on one case of each family: an alteration on the way in, one that answers NaN, and the backend
#: that is right in a convention of its own.
END_TO_END = ("ConjugatesCotangent", "ReturnsNaN", "ThirdConvention")


def points_of(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["case"], rows["point"], strict=True))


def first_of_each(rows: pd.DataFrame, words: pd.Series) -> pd.DataFrame:
    """The rows of the first case and point of each word."""
    chosen = points_of(rows.groupby(words, sort=False)[["case", "point"]].first())
    return rows[[key in chosen for key in zip(rows["case"], rows["point"], strict=True)]]


def one_of_each_family(rows: pd.DataFrame, right: Run) -> pd.DataFrame:
    families = {c.id: c.family for c in right.cases}
    return first_of_each(rows, rows["case"].map(families))


def end_to_end(name: str, points: set[tuple[str, str]], folder: Path, **options: object) -> Recorded:
    """A wrong backend, run for this."""
    select = sorted(f"{case}@{point}" for case, point in points)
    return Recorded.of(observed(f"tests.wrong_backends:{name}", folder, select, **options))


@SOME_CASES
@pytest.mark.parametrize("name", END_TO_END)
def test_a_wrong_backend_is_named_from_end_to_end(
    name: str, right: Run, recording: Recorded, reference: Recorded, pullback: pd.DataFrame, tmp_path: Path
) -> None:
    rows = one_of_each_family(pullback, right)
    points = points_of(rows)
    assert len(points) > 25
    wrong, known = end_to_end(name, points, tmp_path / "run"), recording.at(points)
    assert_named(name, compared(known, wrong), compared(known, wrong, reference.at(points)), rows, right, 20)


@pytest.mark.whole
@EVERY_CASE
@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_wrong_backend_is_named_from_end_to_end_at_every_case(
    name: str, extent: Extent, right: Run, truth: Run, pullback: pd.DataFrame, tmp_path: Path
) -> None:
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run", extent.select())
    pair, all_three = harness.compare([right, wrong]), harness.compare([right, wrong, truth])
    assert_named(name, pair, all_three, pullback, right, 400)


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
def test_shuffled_gradients_are_a_mismatch_all_over_the_catalogue(
    name: str, alter: Callable[[pd.DataFrame], list[Parts]], least: int, extent: Extent, recording: Recorded,
    pullback: pd.DataFrame,
) -> None:
    mine = getattr(wrong_backends, name).name
    shuffled = alter(pullback)
    verdicts = pullbacks(compared(recording, altered(recording, pullback, mine, shuffled)), mine)
    assert_shuffled(verdicts, pullback, shuffled, extent.least(least), extent.least(300))


@pytest.mark.whole
@EVERY_CASE
@pytest.mark.parametrize(("name", "alter", "least"), [("Transposes", transposed, 60), ("SwapsInputs", swapped, 40)])
def test_a_backend_that_shuffles_is_a_mismatch_from_end_to_end(
    name: str, alter: Callable[[pd.DataFrame], list[Parts]], least: int, extent: Extent, right: Run,
    pullback: pd.DataFrame, tmp_path: Path,
) -> None:
    wrong = observed(f"tests.wrong_backends:{name}", tmp_path / "run", extent.select())
    verdicts = pullbacks(harness.compare([right, wrong]), getattr(wrong_backends, name).name)
    assert_shuffled(verdicts, pullback, alter(pullback), least, 300)


def assert_shuffled(
    verdicts: dict[tuple[str, ...], str], rows: pd.DataFrame, shuffled: list[Parts], least: int, unseen: int
) -> None:
    mismatches = hidden = 0
    problems = []
    for r, altered in zip(rows.itertuples(index=False), shuffled, strict=True):
        parts = blocks(r.j, r.out_complex, r.in_complex)
        both = [*parts, *altered]
        if not all(np.isfinite(p).all() for p in both):
            continue
        size = max((float(np.abs(p).max(initial=0)) for p in both), default=0.0)
        moved = max((float(np.abs(x - y).max(initial=0)) for x, y in zip(parts, altered, strict=True)), default=0.0)
        verdict = verdicts[r.case, r.point, r.dtype, r.output, r.input]
        if moved <= 1e-11 * size:
            hidden += 1
            good = verdict in {"agree", "precision"} or (r.case in WRONG_ITSELF and verdict == "mismatch")
        elif moved >= 1e-3 * size:
            words = described(parts, altered, size)
            mismatches += not words
            good = verdict in words or verdict == "mismatch"
        else:
            continue
        if not good:
            problems.append((r.case, r.point, r.output, r.input, verdict))
    assert not problems, f"{len(problems)}: {problems[:12]}"
    assert mismatches > least and hidden > unseen, (mismatches, hidden)


def pullbacks(frame: pd.DataFrame, wrong: str) -> dict[tuple[str, ...], str]:
    """(case, point, dtype, output, input) -> verdict on the differential from pullbacks of torch.func and `wrong`."""
    rows = frame[(frame["quantity"] == "differential") & (frame["api"] == "pullback")]
    return {
        (str(r.case), str(r.point), str(r.dtype), str(r.output), str(r.input)): str(r.verdict)
        for r in rows.itertuples(index=False)
        if {str(r.left).partition(":")[0], str(r.right).partition(":")[0]} == {"torch.func", wrong}
    }


def test_forward_that_differs_from_reverse_is_seen_within_the_backend(
    extent: Extent, recording: Recorded, pullback: pd.DataFrame
) -> None:
    def judged(recorded: Recorded) -> dict[tuple[str, ...], str]:
        frame = compared(recorded, axis="api")
        rows = frame[frame["quantity"] == "differential"]
        columns = ("case", "point", "dtype", "output", "input")
        return {
            tuple(str(getattr(r, c)) for c in columns): str(r.verdict) for r in rows.itertuples(index=False)
        }

    changes = {}
    for k, row in enumerate(recording.table.to_pylist()):
        if row["quantity"] == "differential" and row["api"] == "pushforward" and row["status"] == "ok":
            changes[k] = {"data": (2 * np.frombuffer(row["data"], row["kind"])).tobytes()}
    sound = {key for key, verdict in judged(recording).items() if verdict == "agree"}
    verdicts = judged(recording.renamed("wrong.forward-differs", changes))
    zero = {(r.case, r.point, r.dtype, r.output, r.input) for r in pullback.itertuples(index=False) if not r.j.any()}
    wrong = {key: verdicts[key] for key in sound - zero if verdicts[key] != "factor"}
    assert not wrong, f"{len(wrong)}: {list(wrong.items())[:12]}"
    assert len(sound - zero) > extent.least(500)


@pytest.mark.parametrize(
    ("status", "verdict"), [("error", "error"), ("refused", "unsupported"), ("timeout", "timeout"), ("crash", "crash")]
)
def test_failures_are_rows_with_their_own_verdict_all_over_the_catalogue(
    status: str, verdict: str, extent: Extent, recording: Recorded, pullback: pd.DataFrame
) -> None:
    failed = {"status": status, "data": None, "shape": None, "kind": "", "error": "E", "message": "as it was said"}
    wrong = recording.renamed("wrong.fails", dict.fromkeys(pullback["row"], failed))
    verdicts = pullbacks(compared(recording, wrong), "wrong.fails")
    assert len(pullback) > extent.least(500) and {verdicts[key] for key in keys(pullback)} == {verdict}


def keys(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(rows[["case", "point", "dtype", "output", "input"]].itertuples(index=False, name=None))


@SOME_CASES
@pytest.mark.parametrize(("name", "verdict"), [("Raises", "error"), ("Refuses", "unsupported")])
def test_a_backend_that_fails_has_its_verdict_from_end_to_end(
    name: str, verdict: str, recording: Recorded, pullback: pd.DataFrame, tmp_path: Path
) -> None:
    rows = pullback[pullback["case"].isin(["exp", "conj", "arccosh"])]
    points = points_of(rows)
    wrong = end_to_end(name, points, tmp_path / "run")
    verdicts = pullbacks(compared(recording.at(points), wrong), getattr(wrong_backends, name).name)
    assert len(points) > 2 and {verdicts[key] for key in keys(rows)} == {verdict}


@SOME_CASES
@pytest.mark.parametrize(("name", "verdict"), [("HangsAtOnce", "timeout"), ("DiesAtOnce", "crash")])
def test_lost_processes_are_rows_with_their_own_verdict(
    name: str, verdict: str, right: Run, recording: Recorded, pullback: pd.DataFrame, tmp_path: Path
) -> None:
    rows = one_of_each_family(pullback, right)
    rows = rows[rows["case"].isin(list(dict.fromkeys(rows["case"]))[::4])]  # losing a process costs a start
    options: dict[str, object] = {"executor": None, **({"seconds": 0.3} if name == "HangsAtOnce" else {})}
    points = points_of(rows)
    wrong = end_to_end(name, points, tmp_path / "wrong", **options)
    verdicts = pullbacks(compared(recording.at(points), wrong), getattr(wrong_backends, name).name)
    assert len(points) > 6 and {verdicts[key] for key in keys(rows)} == {verdict}


@SOME_CASES
@pytest.mark.parametrize(("name", "verdict"), [("Hangs", "timeout"), ("DiesBySignal", "crash")])
def test_a_framework_that_is_lost_in_the_middle_keeps_its_other_rows(
    name: str, verdict: str, recording: Recorded, pullback: pd.DataFrame, tmp_path: Path
) -> None:
    rows = pullback[pullback["case"].isin(["exp", "conj"])]
    points = points_of(first_of_each(rows, rows["case"]))
    options: dict[str, object] = {"executor": None, **({"seconds": 6.0} if name == "Hangs" else {})}
    wrong = end_to_end(name, points, tmp_path / "wrong", **options)
    rows = compared(recording.at(points), wrong)
    rows = rows[rows["quantity"] == "differential"]
    for api, word in (("pullback", verdict), ("pushforward", "agree")):
        seen = rows[rows["api"] == api]
        assert set(seen["case"].astype(str)) == {"exp", "conj"}
        # a task that was lost as often as it may be is not begun again
        assert {word} <= set(seen["verdict"].astype(str)) <= {word, verdict}
