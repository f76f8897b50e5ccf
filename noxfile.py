"""Sessions: tests, lint, types, run, bench, soak, ray, results, device, sweep, search; whole, browser, environments,
pairs and mutants, which are tests that take long; observe, truth and matrix across releases.

`nox` alone runs lint, types and tests. docs/versions.md is about releases, docs/scale.md about bench, soak and ray.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import nox
import nox.command
import nox.project

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite on the pinned set; arguments go to pytest."""
    session.install("-e", ".[pinned,ports,test]")
    session.run("pytest", "-q", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session
def whole(session: nox.Session) -> None:
    """The tests that go over the whole catalogue: every wrong backend from end to end, and the slow ones like it."""
    session.install("-e", ".[pinned,ports,test]")
    session.run("pytest", "-q", "-m", "whole", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """The report and the site in a headless Chromium, which has to be installed (Debian: apt-get install chromium)."""
    session.install("-e", ".[pinned,test]", *_group("browser"))
    session.run("pytest", "-q", "-m", "browser", *session.posargs)


@nox.session
def environments(session: nox.Session) -> None:
    """Real releases, each in an environment of its own, which `nox -s observe` makes below .nox/versions."""
    session.install("-e", ".[pinned,test]")
    session.run("pytest", "-q", "-m", "environments", *session.posargs)


@nox.session
def pairs(session: nox.Session) -> None:
    """Published packages of torch and JAX audited against one another, in the versions of tests/pairs/requirements.txt.

    A package that cannot be installed here is left out; its pairs are skipped and say so. Arguments go to pytest.
    """
    session.install("-e", ".[pinned,ports,test]")
    fixed = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    constraints = Path(session.create_tmp(), "constraints.txt")
    constraints.write_text("\n".join(fixed["pinned"] + fixed["ports"]), encoding="utf-8")
    for line in Path("tests/pairs/requirements.txt").read_text(encoding="utf-8").splitlines():
        package = line.partition("#")[0].strip()
        try:
            if package:
                session.run("python", "-m", "pip", "install", "-q", "-c", str(constraints), package)
        except nox.command.CommandFailed:
            session.warn(f"{package} cannot be installed here: its pairs are skipped")
    session.run("pytest", "-q", "-m", "pairs", "tests/pairs", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Faults put into a copy of the package by hand, each of which a named part of the suite must catch."""
    session.install("-e", ".[pinned,test]")
    session.run("python", "tests/mutants.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, and the catalogue's own lint."""
    session.install("-e", ".", *_group("lint"))
    session.run("ruff", "check", ".")
    session.run("harness", "lint")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over the package."""
    session.install("-e", ".[plot,search]", *_group("lint"))
    session.run("mypy")


@nox.session
def run(session: nox.Session) -> None:
    """The catalogue on the pinned set; arguments go to `harness run`."""
    session.install("-e", ".[pinned]")
    session.run("harness", "run", *session.posargs, success_codes=[0, 1])


@nox.session
def bench(session: nox.Session) -> None:
    """Every ratio that is promised, into results/bench.md; fails nothing. `-- --all` takes the whole catalogue."""
    session.install("-e", ".[pinned,test,ray]")
    session.run("python", "-m", "tests.bench.volume", success_codes=range(256))
    session.run("python", "tests/bench/scale.py", *session.posargs, success_codes=range(256))


@nox.session
def sweep(session: nox.Session) -> None:
    """Worst errors of every elementwise function over all its floats, into results/accuracy.*; hours, resumable."""
    session.install("-e", ".[pinned]")
    session.run("harness", "sweep", "--all", "--points", "30000", "--decided", "4000", *session.posargs)


@nox.session
def search(session: nox.Session) -> None:
    """Random programs on the pinned set for ten minutes (`-- --seconds N`), into runs/search-*."""
    session.install("-e", ".[pinned,search]")
    session.run("harness", "search", *session.posargs, success_codes=[0, 1])


@nox.session
def soak(session: nox.Session) -> None:
    """Thousands of observations under fire, tested; then 200,000, a quarter of an hour, into results/bench.md."""
    session.install("-e", ".[pinned,test]")
    session.run("pytest", "-q", "-m", "soak")
    session.run("python", "-m", "tests.bench.soak", "--report", "results/bench.md", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ten minutes of each fuzzer; what it finds lies in tests/fuzz/found. Arguments: other seconds."""
    session.install("-e", ".[pinned,test]")
    for target in ("yaml", "expression", "frames", "run"):
        session.run("python", "-m", "tests.fuzz.engine", target, *(session.posargs or ["600"]))


@nox.session
def hostile(session: nox.Session) -> None:
    """Every admitted native function of torch and JAX called with hostile values, each in a process of its own."""
    session.install("-e", ".[pinned,test]")
    session.run("pytest", "-q", "-m", "hostile", *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """The tests that need a Ray cluster, on one of this machine."""
    session.install("-e", ".[pinned,test,ray]")
    session.run("pytest", "-q", "tests/runs/test_ray.py", *session.posargs)


@nox.session(venv_backend="none")
def device(session: nox.Session) -> None:
    """A second device against the CPU and the reference, into results/device.md; skipped where there is none.

    A GPU that the frameworks see, or what is named: `-- --jax cpu:1`, `-- --torch xla:0 --python FILE`. It takes eight
    minutes; the environment is that of the checkout, in which a GPU needs builds of torch and JAX that can use it.
    """
    survey = (_coordinator(session), "-m", "tests.devices.survey", *session.posargs)
    done = subprocess.run(survey, stdout=subprocess.PIPE, text=True)
    told = done.stdout.strip().splitlines()
    if done.returncode == 3:
        session.skip(told[-1] if told else "no device to survey")
    if done.returncode:
        session.error("\n".join(told))
    session.log(told[-1])


@nox.session(venv_backend="none")
def results(session: nox.Session) -> None:
    """The committed report, findings and atlas (results/README.md), by the pinned set; an argument names a run.

    A run that was recorded before is judged by what the catalogue states now.
    """
    harness = (_coordinator(session), "-m")
    run = session.posargs[0] if session.posargs else "runs/pinned"
    now = ("--expect", "cases") if session.posargs else ()
    if not session.posargs:
        shutil.rmtree(run, ignore_errors=True)
        session.run(*harness, "harness", "run", "--dtype", "complex128", "--dtype", "float64", "--no-compare",
                    "--output", run, external=True)
    session.run(*harness, "tests.bench.gallery", "results/atlas", "--made-by", "nox -s results", external=True)
    session.run(*harness, "tests.bench.singular", run, "--output", "results/singular.csv", external=True)
    session.run(*harness, "harness", "report", run, "--atlas", "results/atlas", "--scripts", "20", "--title",
                "The catalogue on the pinned set", "--output", "results/report.html", *now, external=True)
    session.run(*harness, "harness", "findings", run, "--hunted", "--scripts", "results/findings", "--jobs", "2",
                "--output", "results/findings.md", "--output", "results/findings.csv", *now, external=True)


@nox.session
def site(session: nox.Session) -> None:
    """The static site, from results/ and docs/, into ./site (or the folder that is named)."""
    session.install("-e", ".")
    output = session.posargs[0] if session.posargs else "site"
    session.run("harness", "site", "--docs", "docs", "--output", output)


# -- across releases: one environment each, recorded by the coordinator of this checkout ---------------------------


@dataclass(frozen=True)
class Release:
    """One environment to observe: a Python, a bound on NumPy, and a release of torch or of JAX, nothing else.

    python: "3.11". numpy: a PEP 440 specifier. packages: what is installed next to NumPy, exactly pinned.
    backends: what can be observed there.
    """

    name: str
    python: str
    numpy: str
    packages: tuple[str, ...]
    backends: tuple[str, ...]


def _torch(version: str, python: str = "3.11", numpy: str = "", *more: str) -> Release:
    return Release(f"torch-{version}", python, numpy, (f"torch=={version}", *more), ("torch.autograd", "torch.func"))


def _jax(version: str, python: str = "3.11", numpy: str = "", *more: str) -> Release:
    return Release(f"jax-{version}", python, numpy, (f"jax=={version}", f"jaxlib=={version}", *more), ("jax",))


#: The one place that names releases (docs/versions.md says why each is there). SciPy's bounds are those of old JAX,
#: which imports names that SciPy has since removed.
RELEASES = (
    _torch("1.13.1", "3.10", "<2", "functorch==1.13.1"),
    _torch("2.0.1", "3.11", "<2"),
    _torch("2.2.2", "3.11", "<2"),
    _torch("2.4.1", "3.11", "<2.1"),
    _torch("2.6.0"),
    _torch("2.9.1"),
    _torch("2.13.0"),
    _torch("2.15.0"),
    _jax("0.4.20", "3.11", "<2", "scipy<1.13"),
    _jax("0.4.25", "3.11", "<2", "scipy<1.14"),
    _jax("0.4.30", "3.11", "<2.1"),
    _jax("0.4.38"),
    _jax("0.6.2"),
    _jax("0.8.1"),
    _jax("0.10.2"),
    _jax("0.12.0.1", "3.12"),
)
#: torch_xla on its CPU client: a second device that needs no accelerator.
XLA = Release("torch_xla-2.9.0", "3.11", "", ("torch==2.9.0", "torch_xla==2.9.0"), ("torch.autograd", "torch.func"))

#: Where the coordinator itself is tried: the oldest libraries that it runs on, and the newest there are.
_OURS = ("mpmath", "packaging", "python-flint", "pyyaml", "rich", "pytest")
COORDINATORS = (
    Release("coordinator-oldest", "3.11", "==1.26.0", ("pandas==2.1.0", "pyarrow==15.0.0", "scipy<1.14", "jax==0.4.25",
                                                       "jaxlib==0.4.25", *_OURS), ("jax",)),
    Release("coordinator-newest", "3.13", "", ("pandas", "pyarrow", "jax==0.12.0.1", "jaxlib==0.12.0.1", *_OURS),
            ("jax",)),
)
FORMAT_TESTS = ("tests/history/test_formats.py", "tests/history/test_timeline.py", "tests/history/test_diff.py")

ENVIRONMENTS = Path(os.environ.get("HARNESS_ENVIRONMENTS", ".nox/versions"))
RECORDED = Path(os.environ.get("HARNESS_RECORDED", "runs/versions"))
MATRIX = Path(os.environ.get("HARNESS_MATRIX", "results/matrix"))
#: What `observe` records of every case unless arguments say otherwise: double precision, the differential, and those
#: native APIs whose conventions have changed between releases. `-- --api all` records every one, several times as long.
DTYPES = ("complex128", "float64")
APIS = {
    "torch.autograd": ("backward", "functional.jacobian", "functional.jacobian[forward-mode]"),
    "torch.func": ("jacrev", "jacfwd"),
    "jax": ("none",),
}


@nox.session(venv_backend="none")
@nox.parametrize("release", [nox.param(r, id=r.name) for r in (*RELEASES, XLA)])
def observe(session: nox.Session, release: Release) -> None:
    """Record the catalogue on one release: nox -s "observe(torch-2.4.1)"; arguments go to `harness run`.

    Arguments add to the defaults (DTYPES, APIS); --dtype and --api take their place.
    """
    python = _environment(session, release)
    modules = {"torch.autograd": "torch", "torch.func": "torch", "jax": "jax"}
    words = []
    for backend in release.backends:
        words += ["--backend", backend, "--python", f"{backend}={python}"]
    if release is XLA:
        words += ["--device", "cpu", "--device", "xla:0"]
        os.environ.setdefault("PJRT_DEVICE", "CPU")
    session.log(f"{', '.join(sorted({modules[b] for b in release.backends}))} of {release.name} by {python}")
    apis = dict.fromkeys(api for backend in release.backends for api in APIS[backend])
    _record(session, release.name, *words, "--no-reference", *_asked(session, tuple(apis)))


@nox.session(venv_backend="none")
def truth(session: nox.Session) -> None:
    """Record the arbitrary-precision reference, against which `matrix` decides what is right."""
    _record(session, "reference", "--backend", "reference", *_asked(session, ()))


@nox.session(venv_backend="none")
@nox.parametrize("release", [nox.param(r, id=r.name) for r in COORDINATORS])
def formats(session: nox.Session, release: Release) -> None:
    """Runs recorded with older and with newer libraries, opened and compared with these; arguments go to pytest."""
    python = _environment(session, release)
    asked = session.posargs or FORMAT_TESTS
    session.run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *asked, external=True)


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Compare what `observe` and `truth` recorded: results/matrix/timeline.md and timeline.csv."""
    runs = sorted(str(p.parent) for p in RECORDED.glob("*/header.json"))
    if len(runs) < 2:
        session.error(f"{RECORDED} holds {len(runs)} recorded runs: nox -s observe records them")
    MATRIX.mkdir(parents=True, exist_ok=True)
    session.run(
        _coordinator(session), "-m", "harness", "timeline", *runs, "--format", "markdown",
        "--made-by", "nox -s observe truth matrix", "--output", str(MATRIX / "timeline.md"),
        "--csv", str(MATRIX / "timeline.csv"), *session.posargs, external=True,
    )


def _group(name: str) -> tuple[str, ...]:
    """What a dependency group of pyproject.toml names."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


def _asked(session: nox.Session, apis: tuple[str, ...]) -> list[str]:
    """The arguments of the session, and a default for what they leave open."""
    words = list(session.posargs)
    for option, values in (("--dtype", DTYPES), ("--api", apis)):
        if not any(word == option or word.startswith(f"{option}=") for word in words):
            words += [part for value in values for part in (option, value)]
    return words


def _record(session: nox.Session, name: str, *words: str) -> None:
    """One run below RECORDED; an interrupted one is completed, one of other cases or options replaced."""
    folder = RECORDED / name
    harness = [_coordinator(session), "-m", "harness", "run", *words, "--no-compare", "--output", str(folder)]
    if (folder / "header.json").exists():
        done = session.run(*harness, "--resume", external=True, success_codes=range(256), silent=True)
        if (folder / "closed.json").exists() and "cannot be continued" not in str(done):
            session.log(f"{folder} is complete")
            return
        session.log(f"{folder} was recorded differently: it is recorded anew")
        shutil.rmtree(folder)
    session.run(*harness, external=True, success_codes=[0, 1])


def _coordinator(session: nox.Session) -> str:
    """An interpreter in which the coordinator runs: the one given, that of this checkout, or the one that runs nox."""
    asked = os.environ.get("HARNESS_PYTHON", "")
    for python in (asked, ".venv/bin/python", sys.executable):
        if python and _succeeds(python, "-c", "import harness, numpy, pandas, pyarrow, yaml"):
            return os.path.abspath(python)
    session.error("no interpreter here can import harness and what it needs: pip install -e . or set HARNESS_PYTHON")


def _environment(session: nox.Session, release: Release) -> str:
    """The interpreter of a release's environment, made where it is not there yet. Skips the session where it cannot be.

    uv makes it where uv is found (HARNESS_UV, or on PATH), else venv and pip.
    """
    folder = ENVIRONMENTS / release.name
    python = folder.absolute() / "bin" / "python"
    wanted = [f"numpy{release.numpy}", *release.packages]
    stamp = folder / "installed.txt"
    if stamp.is_file() and stamp.read_text() == "\n".join(wanted) and _succeeds(str(python), "-c", "import numpy"):
        return str(python)
    uv = os.environ.get("HARNESS_UV") or shutil.which("uv")
    base = _interpreter(release.python)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if uv:
        steps = [[uv, "venv", "--quiet", "--python", base or release.python, str(folder)],
                 [uv, "pip", "install", "--quiet", "--python", str(python), *wanted]]
    elif base:
        steps = [[base, "-m", "venv", str(folder)],
                 [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]]
    else:
        session.skip(f"{release.name}: there is no Python {release.python} on this machine")
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            tail = "; ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            session.skip(f"{release.name} cannot be installed on this machine: {tail}")
    probe = "import numpy, " + ("torch" if "torch" in release.name else "jax")
    if not _succeeds(str(python), "-c", probe):
        session.skip(f"{release.name} was installed and cannot be imported on this machine")
    stamp.write_text("\n".join(wanted))
    return str(python)


def _interpreter(version: str) -> str:
    """A Python of this minor version: on PATH, or among those of pyenv; "" where there is none."""
    found = shutil.which(f"python{version}")
    shelf = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (found, *(str(p / "bin" / "python") for p in sorted(shelf.glob(f"{version}.*"), reverse=True))):
        if python and _succeeds(python, "-c", f"import sys; assert '%d.%d' % sys.version_info[:2] == '{version}'"):
            return python
    return ""


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
