"""Coverage-guided fuzzing in a few lines: an input that reaches a line of the package that none reached is kept.

    python -m tests.fuzz.engine yaml 600 [SEED]

Mutations are of bytes, of words from a dictionary, and of what two inputs have; lines are counted with sys.settrace. A
target raises what it must not; the input is then written to tests/fuzz/found/ and shown.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = str(Path(__file__).parents[2] / "harness")
_MOST = 1 << 16  # bytes of an input


@dataclass
class Fuzzer:
    """target(data) -> None raises on a fault. seeds: what to begin with. words: what is put in."""

    target: Callable[[bytes], None]
    seeds: list[bytes]
    words: list[bytes]
    seed: int = 0
    tried: int = 0
    lines: set[tuple[str, int]] = field(default_factory=set)

    def run(self, seconds: float) -> tuple[bytes, str] | None:
        """For so many seconds of the processor; the first input that fails with its traceback, or None."""
        dice, corpus = random.Random(self.seed), list(dict.fromkeys(self.seeds))
        end, k = time.process_time() + seconds, 0
        while time.process_time() < end:
            data = corpus[k] if k < len(corpus) and k < len(self.seeds) else self._mutated(dice, corpus)
            k += 1
            self.tried += 1
            new, failure = self._traced(data)
            if failure:
                return data, failure
            if new:
                corpus.append(data)
        return None

    def _mutated(self, dice: random.Random, corpus: list[bytes]) -> bytes:
        # what was found last is tried more often: it stands where nothing stood before
        data = bytearray(corpus[-1 - int(dice.expovariate(0.1)) % len(corpus)])
        for _ in range(dice.choice((1, 1, 2, 4, 8))):
            at, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
            match dice.randrange(7):
                case 0:
                    data[at:at] = dice.choice(self.words)
                case 1:
                    data[at : min(end, at + 8)] = dice.choice(self.words)
                case 2 if data:
                    data[at - 1] ^= 1 << dice.randrange(8)
                case 3:
                    del data[at : min(end, at + 20)]
                case 4:
                    data[at:at] = data[at:end][:64] * dice.choice((1, 2, 30))
                case 5:
                    other = dice.choice(corpus)
                    start = dice.randrange(len(other) + 1)
                    data[at:end] = other[start : start + dice.randrange(200)]
                case _:
                    data[at:at] = dice.randbytes(dice.randrange(4))
        return bytes(data[:_MOST])

    def _traced(self, data: bytes) -> tuple[bool, str]:
        before = len(self.lines)

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            self.lines.add((frame.f_code.co_filename, frame.f_lineno))
            return local

        def everywhere(frame: FrameType, event: str, argument: Any) -> Any:
            return local if frame.f_code.co_filename.startswith(PACKAGE) else None

        known = sys.gettrace()
        sys.settrace(everywhere)
        try:
            self.target(data)
        except Exception:
            return True, traceback.format_exc()
        finally:
            sys.settrace(known)
        return len(self.lines) > before, ""


def words(*groups: Iterable[str]) -> list[bytes]:
    return [word.encode("utf-8", "surrogatepass") for group in groups for word in group]


def main(argv: list[str]) -> int:
    from tests.fuzz.targets import TARGETS

    fuzzer = TARGETS[argv[0]]()
    fuzzer.seed = int(argv[2]) if len(argv) > 2 else 0
    found = fuzzer.run(float(argv[1]))
    print(f"{argv[0]}: {fuzzer.tried:,} inputs, {len(fuzzer.lines):,} lines of the package")
    if found is None:
        return 0
    place = Path(__file__).with_name("found") / f"{argv[0]}-{abs(hash(found[0])):x}"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(found[0])
    print(f"{place}\n{found[0][:500]!r}\n{found[1]}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
