"""Comparison frames and runs without a framework, large and hostile enough to try a report on.

What frameworks "returned" is made from closed forms with known defects planted on purpose (a negated derivative, a
conjugated one, a zero), so that a report can be checked against what was planted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.model import Case, Expectation, Input, Point

HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=2</script>",
    '"><img src=x onerror="window.pwned=3">',
    "quote\"'`&amp;<b>bold</b>",
    "abc\u202edcba\u2066xyz",
    "שלום-arccosh",
    "{{data}}{{script}}",
    "a/b?c=d&e#f%2F%zz",
    "n" * 10_000,
    "tab\tnewline\nend",
)
FAMILIES = (
    "elementwise/exponential", "elementwise/trigonometric", "elementwise/hyperbolic", "elementwise/inverse_hyperbolic",
    "elementwise/powers", "nonholomorphic/modulus", "nonholomorphic/sign", "reductions/sums", "reductions/norms",
    "cumulative/products", "linalg/decompositions", "linalg/solvers", "linalg/products", "fft/full", "fft/half",
    "real_to_complex/assembly", "nn/activations", "special/gamma", "programs/physics", "programs/signal", "seed",
)
FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "log2", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh", "arcsinh", "arccosh", "arctanh", "sqrt", "cbrt", "square", "reciprocal", "power", "abs", "angle",
    "sign", "conj", "real", "imag", "sum", "prod", "mean", "var", "std", "norm", "cumsum", "cumprod",
    "logsumexp", "softmax", "silu", "gelu", "sinc", "erf", "gamma", "solve", "inv", "pinv", "det", "slogdet",
    "eigh", "eigvalsh", "svd", "qr", "cholesky", "matmul", "einsum", "kron", "fft", "ifft", "rfft", "irfft",
    "hfft", "convolve", "where", "clip", "maximum", "minimum", "median", "hypot",
)
POINTS = ("generic", "generic-2", "real-axis", "imaginary-axis", "left-half-plane", "cut-above", "cut-below", "tiny",
          "huge", "zero")
BACKENDS = ("torch.autograd", "torch.func", "jax")
PAIRS = (("torch.autograd", "torch.func"), ("torch.autograd", "jax"), ("torch.func", "jax"))
RAW = ("backward | backward", "grad | grad", "vjp | vjp", "jvp | jvp", "jacrev | jacrev", "jacfwd | jacfwd")
_VALUES: Mapping[str, complex] = {
    "generic": 0.7 + 0.4j, "generic-2": 1.3 - 0.8j, "real-axis": 1.6, "imaginary-axis": 0.9j,
    "left-half-plane": -2 + 1j, "cut-above": -1.5 + 0.25j, "cut-below": -1.5 - 0.25j, "tiny": 1e-200 + 1e-200j,
    "huge": 1e150 - 1e149j, "zero": 0,
}


_CUT = Expectation(
    ("branch",), "the cut is approached from the side of the signed zero", points=("cut-above",),
    link="https://example.org/thread/1",
)


def case_names(count: int) -> list[str]:
    return [FUNCTIONS[k % len(FUNCTIONS)] + ("" if k < len(FUNCTIONS) else f"-{k // len(FUNCTIONS) + 1}")
            for k in range(count)]


def frame(rows: int = 100_000, cases: int = 420, seed: int = 7) -> pd.DataFrame:
    """A comparison frame of about the proportions of a real one. Deterministic."""
    rng = np.random.default_rng(seed)
    names = np.array(case_names(cases), dtype=object)
    case = rng.integers(0, cases, rows)
    pair = rng.integers(0, 3, rows)
    quantity = rng.choice(["value", "differential", "raw", "raw", "raw"], rows)
    verdict = np.full(rows, "agree", dtype=object)
    bad = {15: "sign", 24: "zero", 6: "nonfinite", 31: "part", 17: "conjugate", 40: "factor", 45: "mismatch"}
    mild = {21: "branch", 22: "choice", 46: "gauge", 47: "gauge", 34: "value", 9: "precision", 12: "precision",
            44: "unsupported"}
    luck = rng.random(rows)
    for index, word in {**bad, **mild}.items():
        verdict[(case == index) & (luck < 0.3) & (pair > 0)] = word
    verdict[(quantity == "raw") & (luck > 0.985)] = "unsupported"
    verdict[luck < 0.004] = "precision"
    relation = np.where((quantity == "raw") & (pair > 0) & (verdict == "agree"), "conjugate", "equal").astype(object)
    relation[np.isin(verdict, ["unsupported", "value", "nonfinite", "mismatch"])] = "none"
    relation[verdict == "sign"] = "negated"
    relation[quantity == "differential"] = ""
    wrong = np.isin(verdict, list(bad.values()))
    culprit = np.where(wrong & (case % 2 == 1), "jax", np.where(wrong & (case % 3 == 0), "torch.func", "")).astype(
        object
    )
    size = np.where(verdict == "agree", rng.random(rows) * 1e-16, rng.random(rows) * 2)
    size[np.isin(verdict, ["unsupported", "value"])] = np.nan
    point = rng.integers(0, len(POINTS), rows)
    return pd.DataFrame({
        "case": names[case], "point": np.array(POINTS, dtype=object)[point],
        "dtype": rng.choice(["complex64", "complex128"], rows),
        "api": np.where(quantity == "raw", rng.choice(RAW, rows), np.where(quantity == "differential", "pullback", "")),
        "quantity": quantity, "input": np.where(quantity == "value", "", "z"), "output": "out", "axis": "backend",
        "left": [PAIRS[p][0] for p in pair], "right": [PAIRS[p][1] for p in pair],
        "verdict": verdict, "relation": relation, "culprit": culprit,
        "evidence": np.where(culprit != "", "reference", ""), "max_abs": size, "max_rel": size,
        "ulp": np.where(np.isnan(size), np.nan, np.round(size * 2**52)),
        "blind": np.where(point == 2, "conjugation", ""), "expected": np.where(np.isin(verdict, ["choice", "branch"]),
                                                                         "a kink: each side picks its own", ""),
        "surprising": wrong & (luck < 0.2),
        "note": np.where(verdict == "unsupported", "RuntimeError: grad can be implicitly created only for real scalar "
                         "outputs but got torch.complex128", ""),
    })


def cases(count: int = 420) -> tuple[Case, ...]:
    made = []
    for k, name in enumerate(case_names(count)):
        base = name.split("-")[0]
        text = {
            "silu": "z / (1 + exp(-z))",
            "sinc": "where(z == 0, 1, sin(pi*z)/(pi*z))",
            "power": "z**(2.5-1j)",
            "norm": "sqrt(sum(abs(z)**2))",
            "solve": "solve(a @ conj(z), z)",
        }.get(base, f"{base}(z)")
        function = (
            {"portable": text}
            if k % 5
            else {"torch": f"torch.special.{base}(z)", "jax": f"jax.scipy.special.{base}(z)", "reference": text}
        )
        made.append(Case(
            id=name, function=function, inputs=(Input("z", "complex", (3,)),),
            points=tuple(Point(p, {"z": np.array([1, 0.5, -0.25j]) * _VALUES[p]})
                         for p in POINTS),
            dtypes=("complex64", "complex128"), family=FAMILIES[(k % len(FUNCTIONS)) * len(FAMILIES) // len(FUNCTIONS)],
            note="The principal branch." if k % 7 == 0 else "",
            expect=(_CUT,) if base == "angle" else (),
        ))
    return tuple(made)


class FakeRun:
    """Enough of a Run for a report: observations of exp(z) with planted defects."""

    def __init__(self, count: int = 420, *, complete: bool = True, given: tuple[Case, ...] | None = None) -> None:
        self.path, self.complete, self.cases = "runs/2026-11-22-synthetic", complete, given or cases(count)
        apis = {
            "torch.autograd": [["backward", "gradient", "gradient", 1], ["vjp", "pullback", "pullback", 1]],
            "torch.func": [
                ["grad", "gradient", "gradient", 1],
                ["vjp", "pullback", "pullback", 1],
                ["jvp", "pushforward", "pushforward", 1],
            ],
            "jax": [
                ["grad", "gradient", "gradient", -1],
                ["vjp", "pullback", "pullback", -1],
                ["jvp", "pushforward", "pushforward", 1],
            ],
        }
        self._apis = apis
        self.header: dict[str, Any] = {
            "format": 1, "started": "2026-11-22T09:15:00Z", "seed": 0, "catalogue": {"cases": count, "digest": "3f9a"},
            "targets": [
                {"backend": b, "device": "cpu", "mode": "jit" if b == "jax" else "eager", "apis": apis[b],
                 "versions": {"jax": "0.10.2", "jaxlib": "0.10.2"} if b == "jax" else {"torch": "2.13.0+cpu"},
                 "dtypes": ["complex64", "complex128"], "failed": "",
                 "flags": {"threads": "1", "x64": "true"}}
                for b in BACKENDS
            ],
        }

    def observations(self) -> pd.DataFrame:
        rows: list[tuple[Any, ...]] = []
        for k, case in enumerate(self.cases):
            for point in case.points:
                for dtype in case.dtypes:
                    with np.errstate(all="ignore"):
                        z = np.asarray(next(iter(point.arrays.values()))).astype(dtype).reshape(-1)[:3]
                        rows += self._point(case.id, point.name, dtype, z, k)
        names = ["case", "point", "dtype", "backend", "device", "mode", "environment", "api", "quantity", "input",
                 "output", "status", "kind", "shape", "data", "error", "message"]
        return pd.DataFrame(rows, columns=names)

    def _point(self, case: str, point: str, dtype: str, z: np.ndarray, k: int) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        value = np.exp(z)
        n = z.size
        for b, backend in enumerate(BACKENDS):
            d = value * np.where(k == 15 and backend == "jax", -1, 1) * (1 + (b == 2) * np.finfo(dtype).eps)
            d = d.astype(dtype)
            j = np.block([[np.diag(d.real), np.diag(-d.imag)], [np.diag(d.imag), np.diag(d.real)]])
            mode = "jit" if backend == "jax" else "eager"

            def row(
                api: str,
                quantity: str,
                name: str,
                data: Any,
                status: str = "ok",
                error: str = "",
                message: str = "",
                backend: str = backend,
                mode: str = mode,
            ) -> None:
                shape = None if data is None else tuple(data.shape)
                rows.append((case, point, dtype, backend, "cpu", mode, "", api, quantity, name, "out", status,
                             "" if data is None else data.dtype.str[1:], shape,
                             None if data is None else np.ascontiguousarray(data).tobytes(), error,
                             message))

            row("", "value", "", value)
            for api in ("pullback", "pushforward"):
                row(api, "differential", "z", j)
            for api, _, kind, sign in self._apis[backend]:
                if kind == "gradient" and backend == "torch.autograd" and n and k % 11 == 0:
                    row(
                        api,
                        "raw",
                        "z",
                        None,
                        "refused",
                        "RuntimeError",
                        "grad can be implicitly created only for real scalar outputs but got torch.complex128 <b>&</b>",
                    )
                    continue
                row(api, "raw", "z", d if sign > 0 else np.conj(d))
        return rows


def timeline(count: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for name in case_names(count):
        for question in ("gradient", "differential"):
            words = ["agree"] * 6
            if rng.random() < 0.2:
                at = int(rng.integers(1, 5))
                words[at:] = [str(rng.choice(["sign", "unsupported", "value", "zero"]))] * (6 - at)
            bad = [k for k, w in enumerate(words) if w != "agree"]
            rows.append([name, question, *words, f"torch {bad[0]}" if bad else "", ""])
    versions = ["torch 1.13.1", "torch 2.0.1", "torch 2.4.1", "torch 2.6.0", "torch 2.9.1", "torch 2.13.0"]
    return pd.DataFrame(rows, columns=["case", "question", *versions, "first bad", "first good"])


def hostile_frame() -> pd.DataFrame:
    """Every text column carries hostile text."""
    base = frame(len(HOSTILE) * 4, 5)
    for column in ("case", "point", "note", "expected", "culprit", "left", "right", "api", "blind"):
        base[column] = [HOSTILE[k % len(HOSTILE)] for k in range(len(base))]
    base["verdict"] = ["sign", "agree", "nonfinite", "weird-<i>verdict"] * len(HOSTILE)
    return base


def hostile_cases() -> tuple[Case, ...]:
    return tuple(
        Case(id=text, function={"portable": f"exp(z) + {text}", "torch": text}, inputs=(Input("z", "complex", (3,)),),
             points=(Point(text, {"z": np.array([1 + 1j, np.nan, -np.inf])}, note=text),), dtypes=("complex128",),
             note=text, family=text,
             expect=(Expectation(("sign",), text, link="javascript:window.pwned=4"),))
        for text in HOSTILE
    )
