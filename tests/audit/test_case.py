"""`--save-case`: what is written is a case that lint accepts and that a run observes with the same verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import harness
from harness.audit import AuditError
from harness.cases import lint, load


def observed(path: Path, allow: list[str], folder: Path) -> Any:
    run = harness.run([path], allow=allow, output=folder, reference=False, progress=False, jobs=1,
                      backends=["torch.autograd", "jax"], apis=())  # fmt: skip
    return harness.compare(run)


def test_a_function_of_arrays_is_named_as_it_is(tmp_path: Path, run_audit: Any) -> None:
    path = tmp_path / "good.yaml"
    found = run_audit("good", "linear", save_case=path)
    assert found.exit_status == 1 and found.saved.startswith(str(path))
    allow = ["tests.audit.user_code"]
    assert lint([path], allow=allow) == []
    (case,) = load([path], allow=allow)
    assert dict(case.function) == {"torch": "tests.audit.user_code:good", "jax": "tests.audit.user_code:linear"}
    np.testing.assert_array_equal(case.points[0].arrays["x"], [1 + 2j, -0.5 + 0.25j, 0.75 - 1j])
    assert case.dtypes == ("complex128",)
    assert {p.name for p in tmp_path.iterdir()} == {"good.yaml", "good.npz", "data.npz"}


def test_trees_go_through_an_adapter(tmp_path: Path, run_audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit_left.py").write_text(
        "def loss(params, power):\n    z = params['layers'][0]['weight'] @ params['v']\n"
        "    return (abs(z) ** power['n']).sum(), z.real\n"
    )
    (tmp_path / "audit_right.py").write_text(
        "def loss(params, power):\n    z = params['v'] @ params['layers_0']['kernel']\n"
        "    return (abs(z) ** power['n']).sum(), z.real\n"
    )
    (tmp_path / "audit_data.py").write_text(
        "import numpy as np\n"
        "w = (np.arange(12.0) - 1j * np.arange(12.0) ** 0.5).reshape(3, 4)\nv = np.arange(4.0) * (1 - 2j)\n"
        "def left(): return {'layers': [{'weight': w}], 'v': v}, {'n': 2}\n"
        "def right(): return {'layers_0': {'kernel': w.T}, 'v': v}, {'n': 2}\n"
    )
    found = run_audit(
        "audit_left:loss", "audit_right:loss", torch_inputs="audit_data:left", jax_inputs="audit_data:right",
        save_case=tmp_path / "my-port.yaml", path=[str(tmp_path)],
    )  # fmt: skip
    assert found.exit_status == 0
    (case,) = yaml.safe_load((tmp_path / "my-port.yaml").read_text())["cases"]
    assert case["function"] == {"torch": "my_port_adapter:torch_side", "jax": "my_port_adapter:jax_side"}
    assert "--allow my_port_adapter" in found.saved
    frame = observed(tmp_path / "my-port.yaml", ["my_port_adapter"], tmp_path / "run")
    rows = frame[(frame["axis"] == "backend") & frame["quantity"].isin(["value", "differential"])]
    assert len(rows) >= 4 and set(rows["verdict"]) == {"agree"}
    assert set(rows[rows["quantity"] == "differential"]["input"]) == {"params_layers_0_weight", "params_v"}


def test_what_cannot_be_a_case_is_said(tmp_path: Path, run_audit: Any) -> None:
    with pytest.raises(AuditError, match=r"a case is a \.yaml file"):
        run_audit("good", "good", save_case=tmp_path / "x.json")
    np.savez(tmp_path / "large.npz", x=np.ones(200_000, complex))
    with pytest.raises(AuditError, match="too large for a case"):
        run_audit("good", "good", str(tmp_path / "large.npz"), save_case=tmp_path / "x.yaml")
    assert not (tmp_path / "x.yaml").exists()


def test_modules_cannot_be_saved_and_it_is_said_so(tmp_path: Path, run_audit: Any) -> None:
    pytest.importorskip("equinox")
    with pytest.raises(AuditError, match="cannot be written as a case: torch: model is a Net"):
        run_audit(
            "tests.audit.modules_torch:with_module", "tests.audit.modules_jax:with_module",
            torch_inputs="tests.audit.modules_torch:module_inputs", jax_inputs="tests.audit.modules_jax:equinox_inputs",
            values_from="torch", save_case=tmp_path / "x.yaml",
        )  # fmt: skip
