"""The referee: differences that are known get the right culprit, those that a point explains get none, and where both
frameworks are right nobody is accused.

Expected: derivatives worked out by hand (beside each entry) and the frameworks' documented choices at kinks and cuts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.comparison import api, parallel
from harness.runs import Run
from tests.in_process import InProcess

pytest.importorskip("torch")
pytest.importorskip("jax")

FRAMEWORKS = ("torch.autograd", "torch.func", "jax")

#: case -> (function, inputs, point, rest of the case)
CASES: dict[str, tuple[str, str, str, str]] = {
    "arccosh-left": ("arccosh(z)", "z: complex", "-2+1j", ""),  # 1/(sqrt(z-1) sqrt(z+1)); jax has its negative
    "sign": ("sign(z)", "z: complex", "3+4j", ""),  # z/|z| turns with the phase; jax: 0
    "modulus-power": ("abs(z)**(1+1j)", "z: complex", "0.6-0.7j", ""),  # forward mode of torch takes the real part
    "silu": ("silu(z)", "z: complex", "0.6-0.7j", ""),  # holomorphic; torch's forward formula conjugates
    "sinc-second": ("sinc(x)", "x: real", "0", "order: 2"),  # -pi^2/3
    "sqrt-subnormal": ("sqrt(z)", "z: complex", "5e-324", ""),  # 1/(2 sqrt(z)), about 2.2e161
    "abs-subnormal": ("abs(z)", "z: complex", "5e-324", ""),  # z*/2|z| has modulus 1/2 everywhere but at 0
    "sinc-tiny": ("sinc(z)", "z: complex", "1e-200+1e-200j", ""),  # -pi^2 z/3
    "abs-zero": ("abs(x)", "x: real", "0.0", ""),
    "clamp-bound": ("clip(x, -1, 1)", "x: real", "1.0", ""),
    "sqrt-cut": ("sqrt(z)", "z: complex", "-1-0j", ""),
    "svd-u": ("svd(a)[0]", 'a: "complex[2, 2]"', "{sample: normal, seed: 1}", ""),
    "pole": ("1 / z", "z: complex", "0", ""),
    "gelu": ("gelu(x)", "x: real", "0.7", ""),
    "median": ("median(x)", 'x: "real[4]"', "[1.0, 2.0, 4.0, 8.0]", ""),
    "arccosh-inside": ("arccosh(z) * cos(z)", "z: complex", "-2+1j", ""),
}


def written(folder: Path) -> Path:
    lines = ["cases:"]
    for name, (text, inputs, point, rest) in CASES.items():
        argument, dtype = inputs.partition(":")[0], "float64" if "real" in inputs else "complex128"
        lines += [f"  - id: {name}", f"    function: {text}", f"    inputs: {{{inputs}}}", f"    dtype: [{dtype}]",
                  f"    points: {{p: {{{argument}: {point}}}}}", *([f"    {rest}"] if rest else [])]
    path = folder / "questions.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("referee")
    return harness.run([written(folder)], progress=False, executor=InProcess(), output=folder / "run")


@pytest.fixture(scope="module")
def compared(recording: Run) -> pd.DataFrame:
    return harness.compare(recording)


@pytest.fixture(scope="module")
def frame(compared: pd.DataFrame) -> pd.DataFrame:
    plain = pd.DataFrame(compared)
    for column in ("case", "api", "quantity", "left", "right", "verdict", "culprit", "evidence"):
        plain[column] = plain[column].astype(str)
    return plain


def rows(frame: pd.DataFrame, case: str, quantity: str = "differential", **wanted: str) -> pd.DataFrame:
    found = frame[(frame["case"] == case) & (frame["quantity"] == quantity)]
    for column, value in wanted.items():
        found = found[found[column] == value]
    assert len(found), (case, quantity, wanted)
    return found


def accused(found: pd.DataFrame) -> set[str]:
    """Backends named by a comparison; "both" names both sides."""
    out: set[str] = set()
    for r in found.itertuples(index=False):
        out |= {r.left, r.right} if r.culprit == "both" else {r.culprit} - {""}
    return {side.partition(":")[0] for side in out}


@pytest.mark.parametrize(
    ("case", "quantity", "api", "culprits"),
    [
        ("arccosh-left", "differential", "pullback", {"jax"}),
        ("arccosh-left", "differential", "pushforward", {"jax"}),
        ("sign", "differential", "pullback", {"jax"}),
        ("modulus-power", "differential", "pushforward", {"torch.autograd", "torch.func"}),
        ("silu", "differential", "pushforward", {"torch.autograd", "torch.func"}),
        ("sinc-second", "hessian", "reverse-over-reverse", {"torch.autograd", "torch.func"}),
        ("sqrt-subnormal", "value", "", {"jax"}),  # jax: sqrt(0) = 0, and NaN beneath it
        ("abs-subnormal", "differential", "pullback", set(FRAMEWORKS)),
        ("sinc-tiny", "differential", "pullback", set(FRAMEWORKS)),
    ],
)
def test_what_is_wrong_is_charged_to_the_right_side(
    frame: pd.DataFrame, case: str, quantity: str, api: str, culprits: set[str]
) -> None:
    found = rows(frame, case, quantity, api=api)
    assert accused(found) == culprits, found[["left", "right", "verdict", "culprit", "note"]].to_string()
    named = found[found["culprit"] != ""]
    assert set(named["evidence"]) <= {"reference", "closed-form"}


@pytest.mark.parametrize(
    ("case", "quantity", "verdict"),
    [
        ("abs-zero", "differential", "choice"),
        ("clamp-bound", "differential", "choice"),
        ("sqrt-cut", "differential", "branch"),
        ("svd-u", "differential", "gauge"),
        ("gelu", "value", "value"),
        ("median", "value", "value"),
    ],
)
def test_what_the_point_explains_is_nobodys_fault(frame: pd.DataFrame, case: str, quantity: str, verdict: str) -> None:
    found = frame[frame["case"] == case]
    assert accused(found) == set(), found[["left", "right", "quantity", "verdict", "culprit", "note"]].to_string()
    pair = rows(frame, case, quantity, right="jax")
    assert verdict in set(pair["verdict"]), pair[["left", "right", "api", "verdict", "note"]].to_string()
    # torch declines the pullback of complex singular vectors
    assert set(pair["verdict"]) <= {verdict, "agree", *(["unsupported"] if case == "svd-u" else [])}


def test_nobody_is_accused_at_a_pole(frame: pd.DataFrame) -> None:
    assert accused(frame[frame["case"] == "pole"]) == set()
    assert len(rows(frame, "pole", right="jax"))


# -- no false accusation -----------------------------------------------------------------------------------------------

COMPLEX = (
    "exp(z)", "expm1(z)", "log(z)", "log1p(z)", "log10(z)", "log2(z)", "sqrt(z)", "square(z)", "reciprocal(z)",
    "sin(z)", "cos(z)", "tan(z)", "sinh(z)", "cosh(z)", "tanh(z)", "arctan(z)", "arcsinh(z)", "arctanh(z)",
    "arcsin(z)", "sigmoid(z)", "conj(z)", "real(z)", "imag(z)", "abs(z)", "angle(z)", "z**3", "z**(-2)",
    "z**(1.5+0.5j)", "z * conj(z)", "abs(z)**2", "conj(z)**2 * z", "exp(conj(z)) / z", "z / abs(z)", "sum(z)",
    "mean(z)", "prod(z)", "cumsum(z, 0)", "cumprod(z, 0)", "var(z)", "norm(z)", "vdot(z, z)", "outer(z, conj(z))",
    "fft(z)", "ifft(z)", "fft(z, norm=\"ortho\")", "real(fft(z))", "flip(z)", "roll(z, 1)",
    "where(real(z) > 0, z, conj(z))", "sum(abs(fft(z))**2)", "logsumexp(real(z))",
)
REAL = (  # not digamma: torch's derivative of it is off by millions of ulp, and named for that
    "exp(x)", "log(x)", "sqrt(x)", "sin(x)", "tan(x)", "tanh(x)", "arctan(x)", "log1p(x)", "x**2.5", "lgamma(x)",
    "expm1(x)", "erf(x)", "erfc(x)", "softplus(x)", "softmax(x)", "log_softmax(x)", "logsumexp(x)", "cumsum(x, 0)",
    "cumprod(x, 0)", "var(x)", "std(x)", "max(x)", "sort(x)", "rfft(x)", "exp(1j * x)", "prod(x)", "norm(x)",
    "silu(x)", "arctan2(x, 2)",
)
MATRIX = (
    "inv(a)", "det(a)", "slogdet(a)[1]", "solve(a, a @ a)", "a @ a", "a @ conj(a).T", "trace(a @ a)",
    "matrix_power(a, 3)", "svdvals(a)", "norm(a)", "pinv(a)", "kron(a, a)", "einsum(\"ij,jk->ik\", a, a)",
    "expm(a / 8)", "tril(a)", "diagonal(a)",
)


def cases(step: int) -> Iterator[dict[str, Any]]:
    """Every `step`-th text."""
    groups = (
        ("c", COMPLEX, {"z": "complex[5]"}, ["complex64", "complex128"], {"sample": "normal"}),
        ("r", REAL, {"x": "real[5]"}, ["float32", "float64"], {"sample": "positive", "low": 0.2, "high": 3}),
        ("m", MATRIX, {"a": "complex[3, 3]"}, ["complex64", "complex128"], {"sample": "normal"}),
    )
    for letter, texts, inputs, dtypes, sample in groups:
        (name,) = inputs
        for k, text in list(enumerate(texts))[::step]:
            points = {f"seed-{s}": {name: {**sample, "seed": 100 * k + s}} for s in (11, 12)}
            if letter == "m":
                points["small"] = {name: {**sample, "seed": 100 * k + 13, "scale": 0.001}}
                points["large"] = {name: {**sample, "seed": 100 * k + 14, "scale": 50}}
            yield {"id": f"{letter}-{k + 1}", "function": text, "inputs": inputs, "dtype": dtypes, "points": points}


@pytest.mark.parametrize(("step", "least"), [(8, 37), pytest.param(1, 300, marks=pytest.mark.whole)])
def test_nobody_is_accused_where_both_are_right(
    step: int, least: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "right.yaml").write_text(json.dumps({"cases": list(cases(step))}))  # YAML, without anchors
    run = harness.run([tmp_path / "right.yaml"], progress=False, apis=(), executor=InProcess(),
                      output=tmp_path / "run")
    frame = pd.DataFrame(harness.compare(run))
    judged = frame[frame["right"].astype(str).str.startswith("reference") & (frame["quantity"] == "differential")]
    sound = judged[judged["verdict"].isin(["agree", "precision"])]
    count = len(sound[["case", "point", "dtype"]].drop_duplicates())
    with capsys.disabled():
        print(f"\n{count} case-points where the frameworks and the reference agree; culprits:", end=" ")
        print(sorted(set(frame["culprit"].astype(str)) - {""}) or "none")
    wrong = frame[frame["culprit"].astype(str) != ""]
    columns = ["case", "point", "dtype", "api", "left", "right", "verdict", "culprit", "note"]
    assert wrong.empty, wrong[columns].to_string()
    assert count >= least


# -- where there is no text for the reference --------------------------------------------------------------------------

OWN = """
cases:
  - id: cubic
    function: {torch: "tests.integration.losses:torch_cubic", jax: "tests.integration.losses:jax_cubic"}
    inputs: {z: "complex[3]"}
    dtype: [complex64, complex128]
    points: {p: {z: [1+2j, 0.3-1j, -2]}}
  - id: kink
    function: {torch: "tests.integration.losses:torch_kink", jax: "tests.integration.losses:jax_kink"}
    inputs: {x: real}
    dtype: [float64]
    points: {zero: {x: 0.0}, off: {x: 0.5}}
"""


def test_finite_differences_of_each_sides_own_values_decide(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    run = harness.run(
        [tmp_path / "own.yaml"], allow=["tests.integration.losses"], progress=False, apis=(), executor=InProcess(),
        output=tmp_path / "run",
    )
    frame = pd.DataFrame(harness.compare(run))
    for column in ("case", "point", "api", "quantity", "left", "right", "verdict", "culprit", "evidence"):
        frame[column] = frame[column].astype(str)
    wrong = rows(frame, "cubic", api="pullback", left="torch.autograd", right="jax")
    assert set(wrong["verdict"]) == {"sign"} and set(wrong["culprit"]) == {"torch.autograd"}
    assert set(wrong["evidence"]) == {"finite-differences"} and set(wrong["dtype"]) == {"complex64", "complex128"}
    # at the kink there is no derivative to estimate: torch says 0, jax 1, and nobody is accused
    kink = rows(frame, "kink", api="pullback", left="torch.autograd", right="jax")
    assert set(kink["culprit"]) == {""}
    assert dict(zip(kink["point"], kink["verdict"], strict=True))["off"] == "agree"
    assert "finite-differences" not in set(frame["api"])


def test_a_case_with_a_reference_is_not_estimated(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text('cases: [{id: e, function: exp(z), inputs: {z: complex}, points: {p: {z: 1j}}}]')
    run = harness.run([tmp_path / "own.yaml"], progress=False, apis=(), executor=InProcess(),
                      output=tmp_path / "run")
    assert "finite-differences" not in set(run.observations()["api"].astype(str))


def test_a_comparison_in_parts_is_the_whole_one(
    recording: Run, compared: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "LEAST", 1)
    parts = parallel.parts_of(parallel.rows_of_cases(recording.table()), [c.id for c in recording.cases], 2)
    assert len(parts) == 4 and [case for part in parts for case in part] == [c.id for c in recording.cases]
    monkeypatch.setattr(api, "parts_of", lambda *_: parts)
    monkeypatch.setattr(api, "in_parts", lambda judge, parts: parallel.together([judge(part) for part in parts]))
    for column, series in harness.compare(recording).items():
        pd.testing.assert_series_equal(series, compared[column])
    # the operation is known from another case, which is in another part
    assert not any({"arccosh-left", "arccosh-inside"} <= set(part) for part in parts)
    inside = compared[(compared["case"] == "arccosh-inside") & (compared["culprit"] == "jax")]
    assert len(inside) and set(inside["function"]) == {"jax.numpy.arccosh"}
