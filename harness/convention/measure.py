"""Conventions, measured: the map from a known differential to what each API returns, inferred by least squares.

Nothing here looks at what a backend declares until the map is known; then the two are compared.  For an API without a
vector the result is fitted as an R-linear function of the entries of J; for a vjp, a jvp or a Hessian-vector product
as an R-bilinear function of J (or the Hessian) and the vector that was passed.  Either has one representation in
terms of df/dz, df/dz*, their conjugates, the vector and its conjugate, and that is what is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.base import Backend
from harness.convention.formulas import formula
from harness.convention.probes import Probe, probe_tasks, real_matrix
from harness.model import Observation, Task
from harness.wirtinger import (
    Api,
    Array,
    basis,
    blocks,
    expected_normal,
    from_components,
    generic_vector,
    signed,
)

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9  # of a fit in double precision, relative to the largest result

FUNCTIONS = ("complex -> complex", "complex -> real", "real -> complex", "real -> real")


@dataclass
class Sample:
    """Results of one API at one (probe, point, input, output): what was known and what came back."""

    design: Array  # (entries, features), real
    result: Array  # (entries,), complex or real
    declared: Array | None  # (entries,), what the backend's declaration predicts


@dataclass
class Series:
    """Everything seen of one API on one kind of function."""

    api: Api
    function: str
    samples: list[Sample] = field(default_factory=list)
    failures: list[Observation] = field(default_factory=list)


def measure(backend: Backend) -> list[dict[str, Any]]:
    """One row per API and kind of function: backend, api, question, function, map, components, declared, note, ...

    map: the formula found, or "no R-linear map fits", "too few results", "refuses", "fails". declared: "agrees" or
    "differs" (from what the backend says of itself), "" where it says nothing or nothing came back. residual: of the
    fit, relative. probes: how many results it rests on. coefficients: what the fit found, complex, in the order of
    `components`.
    """
    series: dict[tuple[str, str], Series] = {}
    basis_apis = [Api("pullback", "pullback", "basis-pullback"), Api("pushforward", "pushforward", "basis-pushforward")]
    known = {api.name: api for api in (*basis_apis, *backend.apis)}
    for probe, task in probe_tasks(backend):
        wanted = {i.name for i in task.inputs if i.differentiate}
        for seen in backend.observe(task):
            if not isinstance(seen, Observation) or seen.api not in known or seen.quantity == "hessian":
                continue
            api = known[seen.api]
            names = [n for n in seen.input.split(",") if n] or sorted(wanted)
            if len(names) > 1:  # a mixed block of a Hessian; the probes of second order have one input
                continue
            function = _function(probe, names[0])
            place = series.setdefault((api.name, function), Series(api, function))
            if seen.status != "ok" or seen.data is None:
                place.failures.append(seen)
            elif api.kind not in ("hessian", "hessian-vector") or probe.hessian:
                place.samples.append(_sample(backend, probe, task, seen, api))
    order = {name: k for k, name in enumerate(known)}
    found = sorted(series.values(), key=lambda s: (order[s.api.name], FUNCTIONS.index(s.function)))
    return [_row(backend, one) for one in found]


def measure_all(backends: Sequence[str] | None = None) -> pd.DataFrame:
    """`measure` of every named backend (default: every one that is installed and has conventions to measure)."""
    import pandas as pd

    from harness.backends import available, importable, load

    classes = [load(name) for name in backends] if backends else [c for c in available().values() if importable(c)]
    rows = [row for cls in classes if cls.apis or backends for row in measure(cls())]
    columns = ["backend", "api", "question", "function", "map", "components", "declared", "note", "residual", "probes"]
    return pd.DataFrame(rows, columns=columns)


# -- one result ----------------------------------------------------------------------------------------------------


def _function(probe: Probe, name: str) -> str:
    return f"{probe.inputs[name]} -> {'real' if probe.real else 'complex'}"


def _sample(backend: Backend, probe: Probe, task: Task, seen: Observation, api: Api) -> Sample:
    """The design matrix of a result: entries of J (or products with the vector) that it may be a function of."""
    assert seen.data is not None
    point = next(p for p in task.points if p.name == seen.point)
    name = seen.input or next(iter(probe.inputs))
    in_complex, out_complex = probe.inputs[name] == "complex", not probe.real
    shape = point.arrays[name].shape
    if api.kind in ("hessian", "hessian-vector"):
        return _second_order(backend, probe, task, seen, api, point.arrays)
    j = real_matrix(probe.pairs(point.arrays)[name], probe.real, not in_complex)
    m = j.shape[0] // (2 if out_complex else 1)
    out_shape = () if probe.text.startswith("sum(") else (m,)
    parts = _present(blocks(j, out_complex, in_complex), in_complex, out_complex)
    if api.kind.startswith("basis"):
        return _basis_sample(backend, seen.data, j, parts, api, (shape, in_complex), (out_shape, out_complex))
    vector: Array | None = None
    if api.kind == "pullback":
        vector = generic_vector(out_shape, out_complex, task.dtype, f"{task.case}:pullback:{seen.output}")
        design = _products(signed(vector, backend.convention.cotangent), parts, out_complex, "kj,k->j")
    elif api.kind == "pushforward":
        vector = generic_vector(shape, in_complex, task.dtype, f"{task.case}:pushforward:{name}")
        design = _products(signed(vector, backend.convention.tangent), parts, in_complex, "kj,j->k")
    elif api.kind in ("gradient", "batched-gradient"):
        design = np.stack([part.sum(axis=0) for part in parts], axis=1)
        design = np.concatenate([design, design]) if api.kind == "batched-gradient" else design
    else:
        design = np.stack([part.reshape(-1) for part in parts], axis=1)
    normal = expected_normal(api.kind, j, shape, out_shape, in_complex, out_complex, vector)
    declared = None if normal is None else signed(normal, api.sign).reshape(-1)
    return Sample(design, seen.data.reshape(-1), declared)


def _basis_sample(
    backend: Backend, seen: Array, j: Array, parts: Sequence[Array], api: Api, of: tuple[tuple[int, ...], bool],
    to: tuple[tuple[int, ...], bool],
) -> Sample:
    """What the pullbacks (pushforwards) along a basis returned before their signs were removed, and along what."""
    pull = api.kind == "basis-pullback"
    (shape, is_complex), (result_shape, result_complex) = (to, of) if pull else (of, to)
    convention = backend.convention
    unit, sign = (
        (convention.cotangent, convention.pullback) if pull else (convention.tangent, convention.pushforward)
    )
    vectors = list(basis(shape, "complex128" if is_complex else "float64", unit))
    subscripts = "kj,k->j" if pull else "kj,j->k"
    designs, results, declared = list[Array](), list[Array](), list[Array]()
    for k, vector in enumerate(vectors):
        designs.append(_products(vector, parts, is_complex, subscripts))
        for source, target in ((seen, results), (j, declared)):
            line = source[k] if pull else source[:, k]
            target.append(signed(from_components(line, result_shape, result_complex), sign).reshape(-1))
    return Sample(np.concatenate(designs), np.concatenate(results), np.concatenate(declared))


def _second_order(
    backend: Backend, probe: Probe, task: Task, seen: Observation, api: Api, arrays: Mapping[str, Array]
) -> Sample:
    assert probe.hessian is not None and seen.data is not None
    name = next(iter(probe.inputs))
    is_complex = probe.inputs[name] == "complex"
    h = probe.hessian(arrays)
    parts = list(blocks(h, True, True)) if is_complex else [h]  # L_xx, L_xy, L_yx, L_yy
    if api.kind == "hessian":
        return Sample(np.stack([part.reshape(-1) for part in parts], axis=1), seen.data.reshape(-1), None)
    vector = generic_vector(arrays[name].shape, is_complex, task.dtype, f"{task.case}:pushforward:{name}")
    design = _products(signed(vector, backend.convention.tangent), parts, is_complex, "kj,j->k")
    return Sample(design, seen.data.reshape(-1), None)


def _present(parts: Iterable[Array], in_complex: bool, out_complex: bool) -> list[Array]:
    u_x, u_y, v_x, v_y = parts
    return [u_x, *([u_y] if in_complex else []), *([v_x] if out_complex else []),
            *([v_y] if in_complex and out_complex else [])]


def _products(vector: Array, parts: Sequence[Array], is_complex: bool, subscripts: str) -> Array:
    """Columns: each block contracted with the real part of the vector, then with its imaginary part."""
    flat = vector.reshape(-1)
    halves = [flat.real, flat.imag] if is_complex else [flat.real]
    return np.stack([np.einsum(subscripts, part, half) for half in halves for part in parts], axis=1)


# -- the fit -------------------------------------------------------------------------------------------------------


def _row(backend: Backend, series: Series) -> dict[str, Any]:
    row: dict[str, Any] = {
        "backend": backend.name, "api": series.api.name, "question": series.api.question, "function": series.function,
        "map": "", "components": "", "declared": "", "note": "", "residual": float("nan"),
        "probes": len(series.samples), "coefficients": None,
    }
    if series.failures:
        refusal = series.failures[0]
        how = "refuses" if refusal.status == "refused" else "fails"
        if not series.samples:
            return {**row, "map": how, "note": refusal.message}
        row["note"] = f"{how} {len(series.failures)} of {len(series.failures) + len(series.samples)}: {refusal.message}"
    fit = _fit(series.samples)
    row["residual"] = fit.residual
    if fit.coefficients is None:
        return {**row, "map": fit.verdict, "declared": _declared(series), "note": fit.why or row["note"]}
    row["coefficients"] = fit.coefficients
    return {**row, **formula(series.api.kind, series.function, fit.coefficients), "declared": _declared(series)}


@dataclass(frozen=True)
class Fit:
    """Complex coefficients of the features, or None and why; the residual relative to the largest result."""

    coefficients: Array | None
    residual: float
    why: str = ""
    verdict: str = "no R-linear map fits"


def _fit(samples: Sequence[Sample]) -> Fit:
    sizes = {(len(s.design), s.result.size) for s in samples}
    if any(a != b for a, b in sizes):
        return Fit(None, float("nan"), "a result has the wrong number of entries")
    design = np.concatenate([s.design for s in samples])
    result = np.concatenate([s.result.astype(complex) for s in samples])
    if not np.isfinite(result).all():
        return Fit(None, float("nan"), "a result is not finite")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Fit(None, float("nan"), "they do not span the maps that are possible", "too few results")
    coefficients = np.linalg.lstsq(design.astype(complex), result, rcond=None)[0]
    scale = max(float(np.abs(result).max()), 1.0)
    residual = float(np.abs(design @ coefficients - result).max()) / scale
    if residual > TOLERANCE:
        return Fit(None, residual, f"the best map leaves a relative residual of {residual:.1e}")
    return Fit(coefficients, residual)


def _declared(series: Series) -> str:
    """Whether what came back is what the backend's declaration predicts."""
    if any(s.declared is None for s in series.samples):
        return ""
    for s in series.samples:
        if s.declared is None or s.declared.shape != s.result.shape:
            return "differs"
        scale = max(float(np.abs(s.declared).max()), 1.0)
        if np.iscomplexobj(s.declared) != np.iscomplexobj(s.result):
            return "differs"
        if not (np.abs(s.declared - s.result) <= TOLERANCE * scale).all():
            return "differs"
    return "agrees"
