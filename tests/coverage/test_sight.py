"""What points show. What must come out follows from J, written down by hand beside each case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.coverage.blindness import judged
from harness.coverage.blindness_survey import sights
from harness.coverage.features import features, generic
from harness.model import Case, Input, Point

#: function, kind of z, its values -> what no error of is seen
SEEN = [
    ("z * z", "complex", [1.5 + 0.5j], ""),  # J = [[3, -1], [1, 3]]
    ("z * z", "complex", [1.5], "conjugation-both"),  # J = 3 I: D J D = J, but D J and J D differ from J
    ("exp(z)", "complex", [0], "conjugation-both"),  # J = I
    ("0 * z", "complex", [1 + 1j], "conjugation+factor+sign"),  # J = 0
    ("real(z)", "complex", [1 + 1j], "conjugation"),  # J = [1, 0]: the only side that is complex is the input's
    ("imag(z)", "complex", [1 + 1j], ""),  # J = [0, 1]
    ("z ** 2", "real", [1.5], ""),  # J = 3
    ("z ** 2", "real", [0.0], "factor+sign"),  # J = 0
    ("sign(z)", "real", [1.5], "factor+sign"),
    ("as_complex(z) * (1+2j)", "real", [1.5], ""),  # J = [1, 2]^T
    ("as_complex(z) * 1j", "real", [1.5], ""),  # J = [0, 1]^T: conjugating changes its sign
]


def case(function: str, kind: str, values: list[complex], **more: str) -> Case:
    dtype, numbers = ("complex128", complex) if kind == "complex" else ("float64", float)
    array = np.array(values, numbers)
    point = Point("p", {"z": array})
    return Case("one", {"portable": function}, (Input("z", kind, array.shape),), (point,), (dtype,), **more)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "off")


@pytest.mark.parametrize(("function", "kind", "values", "unseen"), SEEN)
def test_what_a_point_shows(function: str, kind: str, values: list[complex], unseen: str) -> None:
    one = case(function, kind, values)
    sight = sights([one])["one"]
    assert sight.source == "reference"
    assert sight.unseen(["z"]) == ({"z": unseen} if unseen else {})
    assert (judged(one, sight) is None) == (not unseen)


def test_points_are_taken_together() -> None:
    points = (Point("on-axis", {"z": np.array([1.5 + 0j])}), Point("off-axis", {"z": np.array([1.5 + 0.5j])}))
    one = Case("one", {"portable": "z * z"}, (Input("z", "complex", (1,)),), points, ("complex128",))
    sight = sights([one])["one"]
    assert sight.sighted == {"off-axis"} and not sight.unseen(["z"])


def test_every_input_must_be_shown() -> None:
    inputs = (Input("z", "complex", (1,)), Input("w", "complex", (1,)))
    point = Point("p", {"z": np.array([1 + 2j]), "w": np.array([2 - 1j])})
    one = Case("one", {"portable": "z * z + w"}, inputs, (point,), ("complex128",))
    assert sights([one])["one"].unseen(["z", "w"]) == {"w": "conjugation-both"}


def test_a_reason_excuses_and_a_needless_one_is_a_problem() -> None:
    zero, square = case("0 * z", "real", [1.5], blind="it is constant"), case("z * z", "real", [1.5], blind="why")
    assert judged(zero, sights([zero])["one"]) is None
    problem = judged(square, sights([square])["one"])
    assert problem is not None and "its points show every error" in str(problem)


@pytest.mark.parametrize(
    ("values", "kind", "found", "is_generic"),
    [
        ([1.3, -0.7], "real", set(), True), ([1.3, 0.0], "real", {"zero"}, False),
        ([1.3, -1.3], "real", {"tie"}, False), ([1.5, -0.7], "real", {"integer"}, False),
        ([1e-200, 1.3], "real", {"tiny", "small"}, False), ([np.inf, 1.3], "real", {"nonfinite"}, False),
        ([1.3j, 0.2 + 1j], "complex", {"axis"}, False), ([1.3 + 1j, 0.2 - 1j], "complex", set(), True),
        ([[1.3, 0.2], [2.6, 0.4]], "real", {"singular", "rank-deficient"}, False),
        ([[1.3, 0.2], [0.2, 0.4]], "real", {"tie", "structured"}, False),
        ([[1.3, 0.2, 0.7]], "real", {"single", "rectangular"}, True),
    ],
)
def test_features(values: list[complex], kind: str, found: set[str], is_generic: bool) -> None:
    one = case("z", kind, values)
    assert features(one, one.points[0]) == found
    assert generic(one, one.points[0]) == is_generic


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(more: str) -> Path:
        path = tmp_path / "cases.yaml"
        path.write_text(f"cases:\n  - id: flat\n    inputs: {{x: real}}\n    points: {{p: {{x: 1.5}}}}\n    {more}\n")
        return path

    return write


def test_lint_names_the_place_of_a_blind_case(
    written: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("function: floor(x)")
    assert main(["lint", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"{path}:2:5: flat is blind" in error and "a factor of 2 or a sign flip with respect to x" in error
    assert main(["lint", "--no-blind", str(path)]) == 0


def test_lint_takes_a_reason(written: Callable[[str], Path]) -> None:
    assert main(["lint", str(written("function: floor(x)\n    blind: it is constant between whole numbers"))]) == 0


def test_a_reason_must_not_be_empty(written: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(written("function: floor(x)\n    blind: ''"))]) == 2
    assert "the reason is empty" in capsys.readouterr().err
