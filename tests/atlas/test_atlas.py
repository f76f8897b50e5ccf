"""From a name to a picture, with the frameworks that are installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from harness.atlas import Atlas, atlas
from harness.atlas.window import Window
from harness.backends import sweep_worker
from harness.cases import catalogue_path, load
from harness.cli import main
from harness.model import CaseError, Source
from harness.pointwise.observe import Asking, families_of
from harness.pointwise.subject import find
from harness.report.html.atlas import embed, in_folder
from harness.verdicts import VERDICT
from tests.bench.gallery import FUNCTIONS, gallery

needs_plot = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
FRAMEWORKS = [f for f in ("torch", "jax") if importlib.util.find_spec(f) is not None]
needs_framework = pytest.mark.skipif(not FRAMEWORKS, reason="neither torch nor jax is installed")
POINTS = Window(axes=False).grid(12).reshape(-1)


class Ended:
    """A process that is over: the request was answered here."""

    def __init__(self, status: int) -> None:
        self._status = status

    def wait(self, timeout: float | None = None) -> int:
        return self._status

    poll = wait


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frameworks are imported once, here; the script at the end asks processes."""
    monkeypatch.setattr(Asking, "_process", lambda self, *files: Ended(sweep_worker.main([*map(str, files)])))


def ask(text: str, points: np.ndarray = POINTS) -> dict[str, object]:
    families = families_of(None)
    subject = find(text, real=not np.iscomplexobj(points))
    with Asking(subject, points, list(families), families) as asking:
        return {o.backend: o for o in asking.answers()}


@needs_framework
def test_both_modes_of_every_backend_give_the_differential() -> None:
    x, y = POINTS.real, POINTS.imag
    z, one = POINTS, np.ones_like(x)
    want = {
        "z**2": np.stack([np.stack([2 * x, -2 * y], 1), np.stack([2 * y, 2 * x], 1)], 1),
        "conj(z)": np.stack([np.stack([one, 0 * x], 1), np.stack([0 * x, -one], 1)], 1),
        "abs(z)": (np.stack([x, y], 1) / np.abs(z)[:, None])[:, None, :],
        "1j*imag(z)*real(z)": np.stack([np.stack([0 * x, 0 * y], 1), np.stack([y, x], 1)], 1),
    }
    for text, j in want.items():
        for name, told in ask(text).items():
            for mode in ("reverse", "forward"):
                np.testing.assert_allclose(
                    getattr(told, mode), j, rtol=1e-13, atol=1e-14, err_msg=f"{name} {mode} {text}"
                )


@needs_framework
def test_real_line_and_refusals() -> None:
    x = np.linspace(-2, 2, 9)
    for told in ask("x**3", x).values():
        np.testing.assert_allclose(told.reverse[:, 0, 0], 3 * x**2, rtol=1e-14)  # type: ignore[attr-defined]
        np.testing.assert_allclose(told.forward[:, 0, 0], 3 * x**2, rtol=1e-14)  # type: ignore[attr-defined]
    for told in ask("cumsum(z, axis=0)").values():
        assert "depends on the other points" in told.messages["value"]  # type: ignore[attr-defined]
    for told in ask("sum(z)").values():
        assert "not one number a point" in told.messages["value"]  # type: ignore[attr-defined]


def test_cases_of_the_catalogue_are_asked_in_words_that_the_frameworks_know() -> None:
    cases = load([catalogue_path()])
    by_id = {c.id: c for c in cases}
    assert find("arccosh", cases).source("jax") == Source("portable", "arccosh(z)")
    native = next(c for c in cases if len(c.inputs) == 1 and {"torch", "jax"} <= set(c.function))
    assert find(native.id, cases).source("torch") == native.source("torch")
    assert len(by_id["power"].inputs) == 2 and find("power", cases).text == "z**(1.5+0.5j)"  # one variable is drawn
    with pytest.raises(CaseError, match="of one variable"):
        find(next(c.id for c in cases if len(c.inputs) > 1 and c.id != "power"), cases)


@needs_plot
@needs_framework
def test_the_command_draws_a_case_over_the_plane(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "sqrt", "--size", "24", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "sqrt.png").is_file() and str(tmp_path / "sqrt.png") in said
    assert "24 × 24 samples" in said and "does not answer" not in said and "Branch point at 0." in said


def test_unknown_backend() -> None:
    with pytest.raises(CaseError, match="no backend is called"):
        families_of(["tensorflow"])


@needs_plot
@pytest.mark.skipif("jax" not in FRAMEWORKS, reason="jax is not installed")
def test_one_look_shows_where_arccosh_is_wrong(tmp_path: Path) -> None:
    made = atlas("arccosh", size=48, output=tmp_path, keep=True, budget=120)
    assert made.path == tmp_path / "arccosh.png"
    data = made.path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[25] == 3 and len(data) < 250_000  # a palette of 256 colours
    survey = made.survey
    assert survey is not None and survey.stride == 1
    x = survey.points.reshape(-1).real
    (jax,) = [s for s in survey.judged.sides if "jax" in s.name]
    wrong = np.isin(jax.against, [VERDICT["sign"], VERDICT["conjugate"]])
    if version("jax") == "0.10.2":
        judged = jax.against >= 0
        assert wrong[judged & (x < 0) & (np.abs(survey.points.reshape(-1).imag) > 0)].all()
        assert not wrong[x > 0].any()
        assert "only in the left half plane" in made.caption
    if version("jax").startswith("0.12"):
        assert not wrong.any()
    assert "branch point at -1" in made.caption.lower()


@needs_plot
def test_files_stay_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(CaseError):
        atlas("../../etc/passwd", output=tmp_path)
    made = atlas("z/(1 + z**2)", size=16, output=tmp_path / "new", backends=[], reference=False)
    assert made.path.parent == tmp_path / "new" and made.path.is_file()
    assert made.path.name == "z_1_+_z_2.png"


@needs_plot
def test_titles_with_dollars_are_text() -> None:
    from harness.atlas.curves import plain

    assert plain("$x_$ \\frac") == r"\$x_\$ \\frac"


@needs_plot
@needs_framework
def test_a_function_of_real_numbers_becomes_curves(tmp_path: Path) -> None:
    made = atlas("erf", size=32, output=tmp_path, keep=True)
    assert made.survey is not None and made.survey.subject.real
    assert "of a real variable" in made.caption.lower()
    x = made.survey.points
    got = made.survey.derivative[:, 0, 0]
    np.testing.assert_allclose(got, 2 / np.sqrt(np.pi) * np.exp(-(x**2)), rtol=1e-14)


@needs_plot
def test_gallery_writes_a_page_and_names_what_fails(tmp_path: Path) -> None:
    made = gallery(tmp_path, functions=[("one", "z**2", ""), ("two", "a+b", "")], size=16, backends=[], command="do it")
    assert [a.name for a in made] == ["one"]
    page = (tmp_path / "README.md").read_text()
    assert "one.png" in page and "`a+b`" in page and "do it" in page
    assert [(f.name, f.caption) for f in in_folder(tmp_path)] == [("one", made[0].caption)]
    entries, block, _ = embed(made, 10**7)
    assert entries[0]["name"] == "one" and len(block) == entries[0]["length"]


def test_the_gallery_has_at_least_forty_functions() -> None:
    assert len(FUNCTIONS) >= 40 and len({name for name, _, _ in FUNCTIONS}) == len(FUNCTIONS)
    for _, text, window in FUNCTIONS:
        find(text)
        Window.parse(window)


@needs_plot
@pytest.mark.parametrize("options", [{"size": 4}, {"size": 10**6}, {"dtype": "int8"}, {"window": "x"}])
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(CaseError):
        atlas("exp", output=tmp_path, **options)  # type: ignore[arg-type]


@needs_plot
@needs_framework
def test_a_script_without_a_guard_may_call_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "plain.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(root)!r})\nfrom harness.atlas import atlas\n"
                      f"print(atlas('exp', size=16, backends=['torch.func'], output={str(tmp_path)!r}).path)\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "exp.png" in done.stdout


def test_the_result_shows_itself(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"png")
    assert Atlas("x", path, "", "")._repr_png_() == b"png"
