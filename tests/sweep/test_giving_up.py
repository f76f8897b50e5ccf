"""What takes forever is given up: by the work of the process that does it, not by what else the machine does."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from harness.model import Source
from harness.pointwise.pool import Pool
from harness.pointwise.subject import Subject
from harness.sweep.asking import Asker, Gone
from harness.workers.work import Work


def test_work_is_that_of_the_process() -> None:
    busy, idle = "while True: pass", "import time; time.sleep(60)"
    processes = [subprocess.Popen([sys.executable, "-S", "-c", text]) for text in (busy, idle)]
    try:
        works = [Work(p.pid) for p in processes]
        ends = time.monotonic() + 30
        while works[0].seconds() < 0.5 and time.monotonic() < ends:
            time.sleep(0.05)
        if sys.platform == "linux":
            assert works[0].seconds() >= 0.5 > works[1].seconds() > 0
        else:
            assert min(w.seconds() for w in works) >= 0.5
    finally:
        for p in processes:
            p.kill()
            p.wait()


def test_points_that_take_forever_are_not_known() -> None:
    points = np.array([-1e100, 0.5, 2.0])
    with Pool("polygamma(2, x)", "x", is_real=True, jobs=1, limit=0.5) as pool:
        known = pool.exact(points)
    assert known.value_known.tolist() == [False, True, True]
    zeta3 = 1.2020569031595942  # of psi''(1/2) = -14 zeta(3) and psi''(2) = -2 (zeta(3) - 1)
    assert known.value[1:, 0] == pytest.approx([-14 * zeta3, -2 * (zeta3 - 1)], rel=1e-14)


def test_a_framework_that_takes_forever_is_gone() -> None:
    forever = Subject("forever", "x", {"torch": Source("native", "torch.special.zeta(torch.full_like(x, 3), x)")},
                      "zeta(3, x)", True)
    with Asker({"torch.autograd": "torch"}, seconds=3.0) as asker, pytest.raises(Gone, match="zeta"):
        asker.ask(forever, "float64", np.full(9, -1e12) - 0.5)
