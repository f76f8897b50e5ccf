"""Findings: the distinct defects of a recorded run, one for each cause, with the evidence and a script of its own."""

from __future__ import annotations

from harness.findings.collect import Finding, collect, from_hunts
from harness.findings.confirm import confirm_all
from harness.findings.render import COLUMNS, frame, markdown, text

__all__ = ["COLUMNS", "Finding", "collect", "confirm_all", "frame", "from_hunts", "markdown", "text"]
