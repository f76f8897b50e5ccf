"""A second device against the CPU and against the truth, written as results/device.md.

    python -m tests.devices.survey [--torch cuda:0] [--jax gpu:0] [--python FILE] [--seconds 480] [--output FILE]

Recorded are, batch by batch until the seconds are used up, the cases from which most is learnt: on the CPU, on the
device, and on the device with TF32; in double and single precision, with the reference. Then a complex network is
audited there.
Without --torch and --jax the GPUs that the frameworks see are taken; where there is none the exit status is 3, and the
last line says why. Any other device will do: "cpu:1" of jax, "xla:0" of torch (with PJRT_DEVICE=CPU).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

import harness
from harness.cases import catalogue_path, load
from harness.cases.touring import tour
from harness.model import Case, HarnessError
from tests.devices import network, tf32

PLAIN: Mapping[str, tuple[str, ...]] = {"torch": ("torch.autograd", "torch.func"), "jax": ("jax",)}
MINUTES = 8
BATCH = 40  # cases; each batch starts every framework anew
AUDIT = 40.0  # seconds that are kept for the audit
LISTED = 60  # differences that are listed one by one
FLAGS = ("tf32", "float32_matmul_precision", "matmul_precision")
WORST = ("crash", "error", "timeout")


class NoDevice(HarnessError):
    """There is nothing to survey; the message says why."""

    exit_status = 3


@dataclass
class Recorded:
    """Runs by setting ("cpu", "as it is", "TF32"), and how much of what was asked was recorded."""

    runs: dict[str, list[harness.Run]] = field(default_factory=dict)
    cases: int = 0
    asked: int = 0
    seconds: float = 0.0


def found(listed: pd.DataFrame) -> dict[str, str]:
    """The first usable GPU of each framework. Raises NoDevice, with the frameworks' own reasons.

    listed: what `harness.devices()` gives.
    """
    out: dict[str, str] = {}
    reasons = []
    for family, names in PLAIN.items():
        mine = listed[listed["backend"].isin(names)]
        for row in mine.itertuples():
            gpu = str(row.device).partition(":")[0] in ("cuda", "gpu", "rocm")
            if gpu and row.usable:
                out.setdefault(family, str(row.device))
            elif gpu:
                reasons.append(f"{family}: {row.reason}")
    if not out:
        raise NoDevice("no GPU to survey: " + ("; ".join(dict.fromkeys(reasons)) or "no framework is installed"))
    return out


def spread(cases: Sequence[Case]) -> list[Case]:
    """The cases in an order of which every beginning is spread over the whole: multiples of the golden ratio."""
    golden = 0.6180339887498949
    return [cases[k] for k in sorted(range(len(cases)), key=lambda k: k * golden % 1)]


def recorded(
    cases: Sequence[Case], devices: Mapping[str, str], folder: Path, *, seconds: float,
    clock: Callable[[], float] = time.monotonic, settings: Sequence[str] = ("as it is", "TF32"), python: str = "",
    **options: Any,
) -> Recorded:
    """Runs of as many cases as fit: another batch is begun where the longest so far would end in time.

    devices: "torch" and "jax" -> a device. python: an interpreter for torch. options: of harness.run.
    """
    out, begin, longest = Recorded(asked=len(cases)), clock(), 0.0
    plain = [name for family in devices for name in PLAIN[family]]
    for number, at in enumerate(range(0, len(cases), BATCH)):
        started = clock()
        if number and started - begin + longest > seconds:
            break
        batch, place = cases[at : at + BATCH], folder / f"batch-{number}"

        def observe(setting: str, name: str, backends: Sequence[str], device: str, **more: Any) -> None:
            more["python"] = dict.fromkeys(set(backends) & set(PLAIN["torch"]), python) if python else None
            run = harness.run(batch, backends=backends, devices=[device], apis=(), progress=False,  # noqa: B023
                              output=place / name, **options, **more)  # noqa: B023
            out.runs.setdefault(setting, []).append(run)

        observe("cpu", "cpu", plain, "cpu")
        for family, device in devices.items():
            observe("as it is", family, PLAIN[family], device, reference=False)
            if "TF32" in settings:
                observe("TF32", f"{family}-tf32", tf32.SPECS[family], device, reference=False,
                        dtypes=["float32", "complex64"])
        out.cases += len(batch)
        longest = max(longest, clock() - started)
    out.seconds = clock() - begin
    return out


def against(runs: Recorded, setting: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(the device against the CPU, the device against the reference), one row a pair."""
    every = [*runs.runs["cpu"], *runs.runs.get(setting, [])]
    device = pd.DataFrame(harness.compare(every, axis="device"))
    truth = pd.DataFrame(harness.compare(every))
    sides = {str(name) for name in device["right"].astype(str)}
    truth = truth[truth["right"].astype(str).str.startswith("reference")]
    # a label carries the device where there are several of one backend
    return device, truth[truth["left"].astype(str).isin(sides)]


def page(runs: Recorded, devices: Mapping[str, str], audited: str, made_by: str) -> str:
    """The text of results/device.md."""
    lines = [
        "# A second device", "", f"Made by `{made_by}`: {runs.cases} of {runs.asked} cases in {runs.seconds:.0f} s, in "
        "single and in double precision, compared with the CPU of the same machine and with the reference.", "",
    ]
    lines += [f"- {line}" for line in (*hardware(), *versions(runs))]
    tables: list[tuple[str, pd.DataFrame]] = []
    for setting in [name for name in runs.runs if name != "cpu"]:
        for word, frame in zip(("the CPU", "the reference"), against(runs, setting), strict=True):
            tables.append((f"{setting}, against {word}", frame))
    lines += ["", "## How many agree", "", *_counts(tables)]
    for title, frame in tables:
        lines += ["", f"## What differs: {title}", "", *_differences(frame)]
    failed = {name: why for each in runs.runs.values() for run in each for name, why in run.failed_targets.items()}
    lines += ["", "## What could not be run", ""]
    lines += [f"- {name}: {why}" for name, why in failed.items()] or ["Nothing."]
    where = " and ".join(f"{family} on `{device}`" for family, device in devices.items())
    lines += ["", "## A complex network, audited there", "", f"Two functions of `tests/devices/network.py`, {where}."]
    lines += ["", "```", audited.rstrip(), "```", ""]
    return "\n".join(lines)


def _counts(tables: Sequence[tuple[str, pd.DataFrame]]) -> Iterator[str]:
    yield "| | backend | dtype | pairs | agree | precision | refused | explained | others |"
    yield "|:--|:--|:--|--:|--:|--:|--:|--:|--:|"
    for title, frame in tables:
        plain = frame.assign(side=frame["left"].astype(str), word=frame["verdict"].astype(str))
        for (side, dtype), rows in plain.groupby(["side", frame["dtype"].astype(str)], sort=True):
            known = [int((rows["word"] == w).sum()) for w in ("agree", "precision", "unsupported")]
            known.append(int(rows["word"].isin(["branch", "choice", "gauge"]).sum()))
            cells = " | ".join(f"{n:,}" for n in (len(rows), *known, len(rows) - sum(known)))
            yield f"| {title} | {side} | {dtype} | {cells} |"


def _differences(frame: pd.DataFrame) -> Iterator[str]:
    """What is neither calm nor explained, nor expected of this function on any device."""
    rows = frame[frame["surprising"].astype(bool)]
    if rows.empty:
        yield "Nothing that is not known of the functions themselves."
        return
    names = ["case", "dtype", "quantity", "api", "left", "right", "verdict", "culprit"]
    plain = rows[[*names, "point", "note"]].astype(str)
    groups = plain.groupby(names, sort=True).agg(points=("point", lambda p: ", ".join(sorted(set(p)))),
                                                 note=("note", "first")).reset_index()
    groups["bad"] = ~groups["verdict"].isin(WORST)
    groups = groups.sort_values(["bad", "case"], kind="stable")
    yield "| function | points | dtype | what | sides | verdict | wrong | note |"
    yield "|:--|:--|:--|:--|:--|:--|:--|:--|"
    for r in groups.head(LISTED).itertuples():
        what = " ".join(dict.fromkeys(w for w in (r.quantity, r.api) if w))
        note = r.note.replace("|", "\\|").replace("\n", " ")[:160]
        yield (f"| `{r.case}` | {r.points[:80]} | {r.dtype} | {what} | {r.left} ~ {r.right} | {r.verdict} "
               f"| {r.culprit} | {note} |")
    if len(groups) > LISTED:
        yield ""
        yield f"And {len(groups) - LISTED} more."


def versions(runs: Recorded) -> list[str]:
    """What was observed, setting by setting, with the flags that decide how matrices are multiplied."""
    out: dict[str, None] = {}
    for setting, each in runs.runs.items():
        for run in each:
            for target in run.targets:
                flags = target["flags"]
                told = [f"{k} {flags[k]}" for k in FLAGS if k in flags]
                packages = " ".join(f"{k} {v}" for k, v in target["versions"].items())
                out[f"{setting}: {target['backend']} on {target['device']} ({', '.join((packages, *told))})"] = None
    return list(out)


def hardware() -> list[str]:
    """The accelerators that the driver names; none where there is no such driver."""
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [f"{line.strip()} (driver)" for line in said.splitlines() if line.strip()]


def audited(devices: Mapping[str, str]) -> str:
    """What the audit of the network says on these devices, or why there is none."""
    if set(devices) != set(PLAIN):
        return "No audit: it takes a device of torch and one of JAX."
    names = dict(zip((network.TORCH, network.JAX), (devices["torch"], devices["jax"]), strict=True))
    platform, _, number = devices["jax"].partition(":")
    if platform == "cpu" and number.isdigit():  # host devices are made before jax starts
        count = f"--xla_force_host_platform_device_count={int(number) + 1}"
        names["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {count}".strip()
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return harness.audit("tests.devices.network:torch_side", "tests.devices.network:jax_side",
                                 inputs=str(network.inputs(Path(folder) / "data.npz"))).text(110)
    except HarnessError as problem:
        return f"No audit: {problem}"
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.devices.survey", description=__doc__)
    parser.add_argument("--torch", help="a device of torch")
    parser.add_argument("--jax", help="a device of jax")
    parser.add_argument("--python", help="an interpreter in which torch is observed, without TF32")
    parser.add_argument("--seconds", type=float, default=60.0 * MINUTES)
    parser.add_argument("--select", action="append", help="cases by name instead of those from which most is learnt")
    parser.add_argument("--made-by", default="nox -s device")
    parser.add_argument("--folder", type=Path, help="where the runs are kept (default: nowhere)")
    parser.add_argument("--output", type=Path, default=Path("results/device.md"))
    args = parser.parse_args(words)
    devices = {family: device for family, device in (("torch", args.torch), ("jax", args.jax)) if device}
    try:
        devices = devices or found(harness.devices())
        every = load([catalogue_path()])
        from harness.selection import Selection

        cases = Selection(args.select).chosen(every) if args.select else spread(tour(every, 240.0))
        with tempfile.TemporaryDirectory() as spare:
            runs = recorded(cases, devices, args.folder or Path(spare), seconds=args.seconds - AUDIT,
                            settings=("as it is",) if args.python else ("as it is", "TF32"), python=args.python or "")
            text = page(runs, devices, audited(devices), args.made_by)
    except HarnessError as problem:
        print(problem)
        return problem.exit_status
    args.output.write_text(text, encoding="utf-8")
    print(f"{args.output}: {runs.cases} of {runs.asked} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
