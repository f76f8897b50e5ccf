"""From files and folders to cases: order, families, defaults, expectations; and back through JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from harness.cases import (
    catalogue_path,
    digest,
    document,
    from_json,
    known_schema,
    lint,
    load,
    points_schema,
    schema,
    to_json,
)
from harness.model import Case, CaseError, Derivative, Place, Source, Tolerance
from tests import recorded

Make = Callable[..., Case]

CASE = "cases:\n  - {{id: {}, function: z, inputs: {{z: complex}}, points: {{p: {{z: 1}}}}}}\n"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_folder_order_family_and_once(tmp_path: Path) -> None:
    write(tmp_path, b=CASE.format("b"), a__d=CASE.format("d"), a__c=CASE.format("c"))
    (tmp_path / "e.yml").write_text(CASE.format("e"))
    (tmp_path / "notes.txt").write_text("not a case")
    (tmp_path / ".hidden.yaml").write_text("not a case")
    cases = load([tmp_path, tmp_path / "b.yaml"])
    assert [(c.id, c.family) for c in cases] == [("b", "b"), ("e", "e"), ("c", "a/c"), ("d", "a/d")]


def test_family_is_relative_to_the_catalogue_root(tmp_path: Path) -> None:
    write(tmp_path, x__y=CASE.format("y"), points="sets: {}\n")
    assert [c.family for c in load([tmp_path / "x"])] == ["x/y"]
    assert [c.family for c in load([tmp_path / "x" / "y.yaml"])] == ["x/y"]


def test_places_are_as_the_user_named_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a__b=CASE.format("b"))
    monkeypatch.chdir(tmp_path)
    assert load(["a"])[0].place == Place("a/b.yaml", 2, 5)
    assert load(["a/b.yaml"])[0].place == Place("a/b.yaml", 2, 5)


@pytest.mark.parametrize("name", ["missing", "missing.yaml", "empty"])
def test_nothing_to_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaseError, match=f"{name}:1:1: (there is nothing to read|the folder holds no case files)"):
        load([tmp_path / name])


def test_points_file_is_not_a_case_file(tmp_path: Path) -> None:
    write(tmp_path, points="sets: {}\n")
    with pytest.raises(CaseError, match="holds point sets, not cases"):
        load([tmp_path / "points.yaml"])


def test_links_out_of_the_folder_are_errors(tmp_path: Path) -> None:
    write(tmp_path, inside__a=CASE.format("a"), outside__b=CASE.format("b"))
    (tmp_path / "inside" / "b.yaml").symlink_to("../outside/b.yaml")
    (tmp_path / "inside" / "sub").symlink_to("../outside")
    (tmp_path / "inside" / "lost.yaml").symlink_to("nowhere")
    found = [str(e) for e in lint([tmp_path / "inside"])]
    assert [e.partition("inside/")[2][:30] for e in found] == [
        "b.yaml:1:1: this link leads ou", "lost.yaml:1:1: this link leads", "sub:1:1: this link leads out o",
    ]


def test_defaults_and_their_override(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="defaults: {dtype: complex64, tags: [x], seconds: 5, inputs: {z: complex}, points: {p: {z: 1}}}\n"
        "cases:\n  - {id: a, function: z}\n  - {id: b, function: z, tags: y, seconds: 7}\n",
    )
    a, b = load([tmp_path])
    assert (a.dtypes, a.tags, a.seconds) == (("complex64",), ("x",), 5.0)
    assert (b.dtypes, b.tags, b.seconds) == (("complex64",), ("y",), 7.0)
    assert [p.name for p in a.points] == ["p"]


@pytest.mark.parametrize(
    ("inputs", "dtype", "expected"),
    [
        ("{z: complex}", "", ("complex64", "complex128")),
        ("{z: real}", "", ("float32", "float64")),
        ("{z: real, k: integer}", "", ("float32", "float64")),
        ("{z: complex}", "dtype: [float64, float32]", ("complex128", "complex64")),
        ("{z: real}", "dtype: complex64", ("float32",)),
        ("{z: complex}", "dtype: [float64, complex128]", ("complex128",)),
    ],
)
def test_dtypes_by_precision(one: Make, inputs: str, dtype: str, expected: tuple[str, ...]) -> None:
    points = "{p: {z: 1, k: 2}}" if "k" in inputs else "{p: {z: 1}}"
    assert one(points, inputs, more=dtype).dtypes == expected


def test_sources(one: Make) -> None:
    case = one(function="{torch: torch.exp(z), reference: exp(z), portable: exp(z)}")
    assert case.source("torch") == Source("native", "torch.exp(z)")
    assert case.source("jax") == Source("portable", "exp(z)")


def test_callable_only_where_allowed(one: Make) -> None:
    function = '{torch: "my_port.torch_side:loss"}'
    for allow in (["my_port"], ["my_port.torch_side"]):
        case = one(function=function, allow=allow)
        assert case.source("torch") == Source("callable", "my_port.torch_side:loss")
    for allow in ([], ["my_por"], ["my_port.torch"], ["my_port.torch_side.more"], [""], ["torch_side"]):
        with pytest.raises(CaseError, match="not allowed to run"):
            one(function=function, allow=allow)


def test_program_in_a_block(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="cases:\n  - id: a\n    inputs: {z: complex}\n    points: {p: {z: 1}}\n    outputs: [u, v]\n"
        "    function: |\n      w = exp(z)\n      w, conj(w)\n",
    )
    (case,) = load([tmp_path])
    assert case.function == {"portable": "w = exp(z)\nw, conj(w)\n"} and case.outputs == ("u", "v")


def test_small_keys(one: Make) -> None:
    case = one(more="order: 2\ntolerance: {fine: 1e-9, coarse: 1e-4}\ncovers: torch.exp\nnote: hello\ntags: [a, b]")
    assert (case.order, case.tolerance, case.covers, case.note, case.tags) == (
        2, Tolerance(1e-9, 1e-4), ("torch.exp",), "hello", ("a", "b"),
    )
    assert one(more="tolerance: 1e-3").tolerance == Tolerance(1e-3, None)


def test_derivatives(one: Make) -> None:
    assert one(more="derivative: {dz: 1}").derivative == (Derivative("z", "1", "0"),)
    case = one(
        "{p: {z: 1, x: 2}}",
        "{z: complex, x: real}",
        "conj(z) * x",
        more="derivative: {z: {dz: 0, dzbar: x}, x: {dz: conj(z)}}",
    )
    assert case.derivative == (Derivative("z", "0", "x"), Derivative("x", "conj(z)", "0"))
    with pytest.raises(CaseError, match="which input"):
        one("{p: {z: 1, x: 2}}", "{z: complex, x: real}", "z * x", more="derivative: {dz: x}")


def test_expectations(one: Make) -> None:
    more = """\
expect:
  - verdict: [sign, mismatch]
    because: >
      jax takes
      the other sign
    points: "cut-*"
    backends: [jax, torch.autograd]
    versions: {jax: ">=0.4,<0.11", torch: "~=2.13"}
    quantity: differential
    axis: backend
    culprit: jax
    inputs: z
    dtype: complex64
    link: https://example.org/1
    strict: false
  - {verdict: zero, because: it is}"""
    case = one("{cut-a: {z: 1}, cut-b: {z: 2}, other: {z: 3}}", more=more)
    first, second = case.expect
    assert first.verdict == ("sign", "mismatch") and first.because == "jax takes the other sign"
    assert first.points == ("cut-a", "cut-b") and first.backends == ("jax", "torch.autograd")
    assert first.versions == {"jax": ">=0.4,<0.11", "torch": "~=2.13"} and not first.strict
    assert (first.quantity, first.axis, first.culprit, first.inputs, first.dtype) == (
        ("differential",), ("backend",), ("jax",), ("z",), ("complex64",),
    )
    assert second.strict and second.points == () and second.place.line == first.place.line + 14


def test_backends_of_other_packages_may_be_expected(one: Make) -> None:
    more = "expect: {verdict: sign, because: x, backends: [tensorflow, torch.func.grad, jax@0.4]}"
    assert one(more=more).expect[0].backends == ("tensorflow", "torch.func.grad", "jax@0.4")


# ---- JSON ----------------------------------------------------------------------------------------------------------

FULL = """\
cases:
  - id: full
    function: {torch: "torch.exp(z) * x", jax: "jax.numpy.exp(z) * x", reference: exp(z) * x}
    inputs: {z: "complex[2,2]", x: "real[2]", k: "int[2]", b: "bool[0]"}
    points:
      - {a: {z: -0.0-0j, x: [nan, -0.0], k: 3, b: true, note: hm, layout: lazy-conj}}
      - {b: {z: {re: nan, im: inf}, x: [5e-324, inf], k: -9223372036854775808, b: []}}
    order: 2
    tolerance: 1e-3
    derivative: {z: {dz: exp(z) * x}, x: {dz: exp(z)}}
    expect: {verdict: sign, because: why, points: a, versions: {jax: ">0.4"}}
    tags: [t]
    covers: [torch.exp]
    note: n
"""


def test_json_is_lossless(tmp_path: Path) -> None:
    write(tmp_path, full=FULL)
    (case,) = load([tmp_path])
    text = json.dumps(to_json(case), allow_nan=False)
    back = from_json(json.loads(text))
    assert json.dumps(to_json(back), allow_nan=False) == text
    for entry in dataclasses.fields(Case):
        if entry.compare and entry.name != "points":  # a hint for the plan alone is no part of a case
            assert getattr(back, entry.name) == getattr(case, entry.name), entry.name
    for p, q in zip(case.points, back.points, strict=True):
        assert (p.name, p.note, p.layout) == (q.name, q.note, q.layout)
        for name in p.arrays:
            assert p.arrays[name].dtype == q.arrays[name].dtype and p.arrays[name].shape == q.arrays[name].shape
            assert p.arrays[name].tobytes() == q.arrays[name].tobytes()
    assert digest(back) == digest(case)


def test_digest_sees_what_is_computed_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, full=FULL)
    (case,) = load([tmp_path])
    same = [
        dataclasses.replace(case, note="other", place=Place("elsewhere", 3, 4), expect=(), tags=("u",)),
        dataclasses.replace(case, points=tuple(dataclasses.replace(p, note="x") for p in case.points)),
    ]
    assert {digest(c) for c in same} == {digest(case)}
    flipped = dict(case.points[0].arrays)
    flipped["z"] = np.conj(flipped["z"])  # only the signs of zeros differ
    different = [
        dataclasses.replace(case, function={"portable": "exp(z)"}),
        dataclasses.replace(case, order=1),
        dataclasses.replace(case, points=(dataclasses.replace(case.points[0], arrays=flipped), case.points[1])),
        dataclasses.replace(case, points=case.points[:1]),
    ]
    assert len({digest(c) for c in [case, *different]}) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("id"),
        lambda d: d["points"][0]["arrays"]["z"].update(dtype="object"),
        lambda d: d["points"][0]["arrays"]["z"].update(data="?"),
        lambda d: d["points"][0]["arrays"]["z"].update(shape=[7]),
        lambda d: d.update(inputs=3),
        lambda d: d["expect"][0].update(oops=1),
    ],
)
def test_json_from_elsewhere_is_refused(damage: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    write(tmp_path, full=FULL)
    data = to_json(load([tmp_path])[0])
    damage(data)
    with pytest.raises(CaseError, match="not a case written by this program"):
        from_json(data)


# ---- the schema and the catalogue ----------------------------------------------------------------------------------


def test_schemas_are_schemas() -> None:
    for one_schema in (schema(), points_schema(), known_schema()):
        jsonschema.Draft202012Validator.check_schema(one_schema)


@pytest.mark.parametrize(
    "path", sorted(catalogue_path().rglob("*.yaml")), ids=lambda p: str(p.relative_to(catalogue_path()))
)
def test_catalogue_validates(path: Path) -> None:
    data = document.plain(document.read(path, str(path)))
    own = {"points.yaml": points_schema, "known.yaml": known_schema}.get(path.name, schema)
    jsonschema.Draft202012Validator(own()).validate(data)


def test_full_case_validates() -> None:
    jsonschema.Draft202012Validator(schema()).validate(document.plain(document.parse(FULL, "full")))


def test_catalogue_loads() -> None:
    assert [str(e) for e in lint([catalogue_path()])] == []
    assert recorded.catalogue()
