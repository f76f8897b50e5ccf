"""What comparing costs a row, few and many: `python -m tests.bench.volume`. Status 1 where many cost more than few.

Processor time, not of the clock.
"""

from __future__ import annotations

import sys
import time

from harness.comparison import compare_tables
from tests.bench.comparison import synthetic


def seconds(rows: int) -> float:
    table, header, cases = synthetic(rows)
    begin = time.process_time()
    compare_tables([table], [header], [cases])
    return time.process_time() - begin


def main() -> int:
    seconds(1_000)  # imports and caches
    small = min(seconds(5_000) for _ in range(2)) / 5_000
    large = seconds(100_000) / 100_000
    print(f"a row of 5,000: {small * 1e6:.1f} us; of 100,000: {large * 1e6:.1f} us, {large / small:.2f} times as much")
    return int(large > 1.5 * small)


if __name__ == "__main__":
    sys.exit(main())
