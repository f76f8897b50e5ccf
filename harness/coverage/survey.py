"""What the installed frameworks can differentiate: each asked in a process of its own, the answer kept by version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from harness import kept
from harness.model import HarnessError
from harness.storage import cache_folder

_SECONDS = 600.0
_NEEDS = {"torch": ("torch", "expecttest"), "jax": ("jax", "jaxlib")}


class SurveyFailed(HarnessError):
    """A framework could not be asked what it differentiates."""

    exit_status = 3


@dataclass(frozen=True)
class Survey:
    """What one framework can differentiate. Names are as in a case: torch.linalg.inv, jnp.linalg.inv, jax.lax.exp."""

    version: str
    functions: Mapping[str, tuple[bool, bool]]  # name -> over float64, over complex128
    entries: tuple[int, int]  # of the framework's own list: variants count
    same: tuple[tuple[str, ...], ...]  # other names of one function, the first is the one that stands for all


def survey(family: str) -> Survey:
    """Ask "torch" or "jax"; raises SurveyFailed where it, or what its list needs, is not installed."""
    found = []
    for package in _NEEDS[family]:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            raise SurveyFailed(_advice(family, package)) from None
    code = resources.files(f"harness.backends.{family}").joinpath("operators.py").read_bytes()
    name = f"{family}-{sha256(code + repr((found, sys.version_info[:2])).encode()).hexdigest()[:24]}.json"
    base = cache_folder()
    folder = None if base is None else base / "coverage"
    answer = _kept(folder, name)
    if answer is None:
        answer = _ask(family)
        if folder is not None:
            kept.store("coverage", folder, name, json.dumps(answer).encode())
    return (_of_torch if family == "torch" else _of_jax)(answer)


def _advice(family: str, package: str) -> str:
    if package == "expecttest":
        return (
            "torch's operator database needs the package expecttest, which is not installed; "
            'install it: pip install "expecttest==0.3.0", or the extra "coverage" of wirtinger-harness'
        )
    return f"{package} is not installed, so what {family} can differentiate is not known; install {package}"


def _ask(family: str) -> dict[str, Any]:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    environment.setdefault("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-P", "-W", "ignore", "-m", f"harness.backends.{family}.operators"]
    where = str(Path(__file__).resolve().parent.parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (where, environment.get("PYTHONPATH", "")) if p)
    print(f"harness coverage: asking {family} what it can differentiate (once for each version)", file=sys.stderr)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=False,
            stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise SurveyFailed(f"{family} did not say within {_SECONDS:.0f} s what it can differentiate") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise SurveyFailed(f"{family} could not say what it can differentiate: {last}") from None
    if "missing" in answer:
        raise SurveyFailed(_advice(family, str(answer["missing"])))
    return dict(answer)


def _kept(folder: Path | None, name: str) -> dict[str, Any] | None:
    content = None if folder is None else kept.load("coverage", folder, name)
    answer = None if content is None else json.loads(content)
    return answer if isinstance(answer, dict) and "functions" in answer else None


def _of_torch(answer: Mapping[str, Any]) -> Survey:
    known = answer["functions"]
    same = tuple(
        (f"torch.{name}", *(f"torch.{other}" for other in others if other not in known))
        for name, others in answer["aliases"].items()
    )
    return Survey(
        str(answer["version"]),
        {f"torch.{name}": (bool(real), bool(wide)) for name, (real, wide) in known.items()},
        (int(answer["entries"][0]), int(answer["entries"][1])),
        tuple(names for names in same if len(names) > 1),
    )


def _of_jax(answer: Mapping[str, Any]) -> Survey:
    functions = {name: (bool(real), bool(wide)) for name, (real, wide) in answer["functions"].items()}
    counts = (sum(v[0] for v in functions.values()), sum(v[1] for v in functions.values()))
    return Survey(str(answer["version"]), functions, counts, tuple(tuple(names) for names in answer["same"]))
