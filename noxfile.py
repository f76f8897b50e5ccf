"""Sessions: tests, lint, types, run, bench. `nox` alone runs lint, types and tests."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite on the pinned set; arguments go to pytest."""
    session.install("-e", ".[pinned,test]")
    session.run("pytest", "-q", "-n", "2", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, and the catalogue's own lint."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("harness", "lint")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over the package."""
    session.install("-e", ".[lint]")
    session.run("mypy")


@nox.session
def run(session: nox.Session) -> None:
    """The catalogue on the pinned set; arguments go to `harness run`."""
    session.install("-e", ".[pinned]")
    session.run("harness", "run", *session.posargs, success_codes=[0, 1])


@nox.session
def bench(session: nox.Session) -> None:
    """Speed as ratios, and peak memory; prints, and fails nothing."""
    session.install("-e", ".[pinned,test]")
    session.run("python", "tests/bench/core.py", *session.posargs, success_codes=range(256))
