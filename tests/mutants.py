"""Faults made by hand, each in a copy of the repository, and the part of the suite that has to catch it.

    python tests/mutants.py [NAME ...]      status 1 where a fault goes unnoticed, 2 where it cannot be made

A part first has to pass on an unchanged copy. A fault replaces a text that occurs exactly once in its file, so that a
change of the file that moves it is noticed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Fault:
    """What is replaced by what, and the words for pytest that name the part which notices."""

    name: str
    file: str
    before: str
    after: str
    part: tuple[str, ...]


COMPARISON = ("tests/comparison/test_judge.py", "tests/comparison/test_properties.py")
EVIDENCE = ("tests/comparison/test_evidence.py", "tests/comparison/test_pairs.py")
WIRTINGER = ("tests/test_wirtinger.py",)
CONVENTIONS = ("tests/backends/test_conventions.py",)
REFERENCE = ("tests/reference/test_parts.py", "tests/reference/test_singular.py")
RECOVERY = ("tests/runs/test_faults.py", "-k",
            "costs_its_step_alone or three_deaths or killed_from_outside or no_fault")
JOURNAL = ("tests/runs/test_durability.py", "tests/runs/test_resume.py", "-k",
           "durab or flushed or flipped or lost_frame")

FAULTS = (
    # comparison
    Fault("a negation that is none", "harness/comparison/batch.py", "negated = self._holds(self._equal(left, -right))",
          "negated = self._holds(self._equal(left, right))", COMPARISON),
    Fault("the wrong side is zero", "harness/comparison/batch.py",
          "gone = np.asarray((np.abs(here) < self.tol.tiny).all(axis=-1))\n            present",
          "gone = np.asarray((np.abs(there) < self.tol.tiny).all(axis=-1))\n            present", COMPARISON),
    Fault("a NaN that equals a number", "harness/comparison/value_kinds.py",
          "both_nan = np.isnan(left) & np.isnan(right)", "both_nan = np.isnan(left) | np.isnan(right)", COMPARISON),
    Fault("rounding measured against the larger of row and column", "harness/comparison/value_kinds.py",
          "out = np.minimum(size.max(axis=2, keepdims=True)", "out = np.maximum(size.max(axis=2, keepdims=True)",
          COMPARISON),
    # conventions
    Fault("u_y and v_x exchanged", "harness/wirtinger.py", "j[:m, n:] if in_complex else zero",
          "j[m:, :n] if in_complex else zero", WIRTINGER),
    Fault("a conjugate that is none", "harness/wirtinger.py", "out.imag = -array.imag", "out.imag = array.imag",
          CONVENTIONS),
    Fault("the imaginary unit's sign in a cotangent", "harness/wirtinger.py", "e.imag[k] = imaginary_sign",
          "e.imag[k] = 1", CONVENTIONS),
    Fault("the sign of v_y in df/dz", "harness/wirtinger.py", "dz_re, dz_im = (u_x + v_y) / 2, (v_x - u_y) / 2",
          "dz_re, dz_im = (u_x - v_y) / 2, (v_x - u_y) / 2",
          ("tests/backends/test_observe.py", "-k", "wirtinger_pair")),
    Fault("a sign in Wirtinger's notation", "harness/convention/formulas.py", "[-1j, 1j, -1j, 1j], [1, 1, -1, -1]",
          "[1j, -1j, -1j, 1j], [1, 1, -1, -1]", CONVENTIONS),
    # reference
    Fault("half a difference quotient", "harness/reference/derivative.py", "first = (above - below) / (2 * h)",
          "first = (above - below) / h", REFERENCE),
    Fault("a hull that NaN lies in", "harness/reference/clarke.py",
          "if not len(points) or not np.isfinite(candidate).all() or not np.isfinite(points).all():",
          "if not np.isfinite(candidate).all():\n        return True\n    if not len(points):", REFERENCE),
    Fault("the imaginary half of a step", "harness/differences.py", "moved[k] = value", "moved[k - 1] = value",
          REFERENCE),
    # recovery
    Fault("a forgotten fsync of a file", "harness/runs/store.py", "os.fsync(file.fileno())", "file.fileno()", JOURNAL),
    Fault("a forgotten fsync of the journal", "harness/runs/journal.py", "os.fsync(self._file)", "pass", JOURNAL),
    Fault("a checksum that nobody reads", "harness/workers/frames.py", "if crc32(payload) != checksum:",
          "if crc32(payload) < 0:", JOURNAL),
    Fault("a death too many", "harness/runs/recovery.py", "self.deaths < MAX_DEATHS", "self.deaths <= MAX_DEATHS",
          RECOVERY),
    Fault("a culprit that is asked again", "harness/runs/recovery.py", "skip=self.task.skip | frozenset(self.culprits)",
          "skip=self.task.skip", RECOVERY),
    Fault("a kill from outside that is not forgiven", "harness/runs/recovery.py",
          "if self.forgiven[step] < mercy:", "if self.forgiven[step] > mercy:", RECOVERY),
)


def copied(folder: Path) -> None:
    for name in ("harness", "tests", "cases", "docs", "results"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "noxfile.py", "README.md"):
        shutil.copy(ROOT / name, folder)


def passes(folder: Path, part: tuple[str, ...]) -> tuple[bool, str]:
    """Whether a part of the suite passes in a copy, and the last line that pytest said."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *part]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest could not run {' '.join(part)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return done.returncode == 0, failed[0].partition(" - ")[0] if failed else done.stdout.strip().splitlines()[-1]


def main(names: list[str]) -> int:
    chosen = [fault for fault in FAULTS if not names or fault.name in names]
    for fault in chosen:
        count = (ROOT / fault.file).read_text().count(fault.before)
        if count != 1:
            print(f"{fault.name}: its text occurs {count} times in {fault.file}")
            return 2
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="harness-mutants-") as scratch:
        folder = Path(scratch)
        copied(folder)
        for part in dict.fromkeys(fault.part for fault in chosen):
            good, said = passes(folder, part)
            if not good:
                print(f"{' '.join(part)} does not pass as it is: {said}")
                return 2
        for fault in chosen:
            path = folder / fault.file
            text = path.read_text()
            path.write_text(text.replace(fault.before, fault.after))
            good, said = passes(folder, fault.part)
            path.write_text(text)
            unnoticed += good
            print(f"{'NOT NOTICED' if good else 'caught':<12}{fault.name}: {said}", flush=True)
    print(f"{len(chosen) - unnoticed} of {len(chosen)} faults are caught")
    return int(unnoticed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
