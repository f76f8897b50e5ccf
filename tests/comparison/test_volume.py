"""Many observations have the verdicts that one has. What a row costs is measured in tests/bench/volume.py."""

from __future__ import annotations

import numpy as np

from harness.comparison import compare_tables, judge
from harness.comparison.observations import Observations
from tests.bench.comparison import synthetic


def test_synthetic_rows_are_judged_as_one_by_one() -> None:
    table, header, cases = synthetic(4_000, wrong=0.3)
    frame = compare_tables([table], [header], [cases])
    assert len(frame) == table.num_rows // 2
    seen = Observations([table])
    rows = {
        (seen.text("backend", k), seen.text("case", k), seen.text("point", k), seen.text("api", k)): k
        for k in range(seen.count)
    }
    met: dict[str, int] = {}
    for row in frame[frame["quantity"] == "differential"].itertuples():
        place = (str(row.case), str(row.point), str(row.api))
        left, right = (seen.array(rows[backend, *place]) for backend in ("torch.func", "jax"))
        alone = judge(left, right, out_complex=True, in_complex=True)
        assert (str(row.verdict), row.note, str(row.blind)) == (alone.verdict, alone.note, alone.blind)
        assert np.array_equal([row.max_abs, row.ulp], [alone.max_abs, alone.ulp], equal_nan=True)
        met[alone.verdict] = met.get(alone.verdict, 0) + 1
    assert set(met) == {"agree", "sign", "factor", "zero", "nonfinite"}
    # Every native API shows what the differential shows, and conventions stay conventions.
    raw = frame[frame["quantity"] == "raw"]
    assert set(raw.loc[raw["verdict"] == "agree", "relation"].astype(str)) == {"conjugate"}
    share = (raw["verdict"] != "agree").mean()
    assert share == sum(n for v, n in met.items() if v != "agree") / sum(met.values())


def test_data_of_odd_sizes_and_kinds_are_read_right() -> None:
    """Bytes of booleans, singles and doubles lie next to each other at any offset."""
    from tests.comparison.build import Table

    random = np.random.default_rng(0)
    arrays = [
        np.array([True, False, True]), random.normal(size=3).astype(np.float32), random.normal(size=(2, 2)),
        (random.normal(size=5) + 1j * random.normal(size=5)).astype(np.complex64), np.arange(3), np.zeros((0, 2)),
        np.array(2.5), random.normal(size=3) * (1 + 2j), np.array([False]),
    ]
    table = Table()
    for k, array in enumerate(arrays * 3):
        table.add("jax", "value", array, point=f"p{k}")
    seen = Observations([table.frame().iloc[:10], table.frame().iloc[10:]])
    for k, array in enumerate(arrays * 3):
        found = seen.array(k)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
        flat = np.concatenate([array.real.ravel(), array.imag.ravel()]) if np.iscomplexobj(array) else array.ravel()
        assert np.array_equal(seen.components(np.array([k]))[0], flat.astype(float))
