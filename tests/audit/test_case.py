"""`--save-case`: what is written is a case that lint accepts and that a run observes with the same verdicts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import harness
from harness.audit import AuditError, case
from harness.audit.state import Options, State
from harness.backends.side.binding import expression
from harness.backends.side.faults import AuditFault
from harness.cases import lint, load


def observed(path: Path, allow: list[str], folder: Path) -> Any:
    run = harness.run([path], allow=allow, output=folder, reference=False, progress=False, jobs=1,
                      backends=["torch.autograd", "jax"], apis=())
    return harness.compare(run)


def test_a_function_of_arrays_is_named_as_it_is(tmp_path: Path, run_audit: Any) -> None:
    path = tmp_path / "good.yaml"
    found = run_audit("good", "linear", save_case=path)
    assert found.exit_status == 1 and found.saved.startswith(str(path))
    allow = ["tests.audit.user_code"]
    assert lint([path], allow=allow) == []
    (saved,) = load([path], allow=allow)
    assert dict(saved.function) == {"torch": "tests.audit.user_code:good", "jax": "tests.audit.user_code:linear"}
    np.testing.assert_array_equal(saved.points[0].arrays["x"], [1 + 2j, -0.5 + 0.25j, 0.75 - 1j])
    assert saved.dtypes == ("complex128",)
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
    )
    assert found.exit_status == 0
    (written,) = yaml.safe_load((tmp_path / "my-port.yaml").read_text())["cases"]
    assert written["function"] == {"torch": "my_port_adapter:torch_side", "jax": "my_port_adapter:jax_side"}
    assert "--allow my_port_adapter" in found.saved
    frame = observed(tmp_path / "my-port.yaml", ["my_port_adapter"], tmp_path / "run")
    rows = frame[(frame["axis"] == "backend") & frame["quantity"].isin(["value", "differential"])]
    assert len(rows) >= 4 and set(rows["verdict"]) == {"agree"}
    assert set(rows[rows["quantity"] == "differential"]["input"]) == {"params_layers_0_weight", "params_v"}


def test_what_cannot_be_a_case_is_said(tmp_path: Path) -> None:
    small, large = np.ones(3), np.ones(200_000)
    with pytest.raises(AuditError, match=r"a case is a \.yaml file"):
        case.save(tmp_path / "x.json", State({}, Options(), {}), {})
    with pytest.raises(AuditError, match=r"w of shape .* is too large for a case"):
        case._check_sizes({"x": (small, True), "w": (large, True)})
    with pytest.raises(AuditError, match="65 arrays are too many"):
        case._check_sizes({f"x{k}": (small, True) for k in range(65)})
    texts = {"a.0": "x", "a.1.w": "y"}
    assert expression([small, {"w": small, "mode": "sum"}], "a", texts) == "[x, {'w': y, 'mode': 'sum'}]"
    with pytest.raises(AuditFault, match="a is a Fraction; a case holds arrays in dicts, lists and tuples"):
        expression(Fraction(1, 2), "a", texts)
