"""The comparison for machines and pull requests: GitHub-flavoured markdown, JUnit XML, SARIF, an SVG badge.

Each takes a comparison frame (docs/columns.md) and returns text. Names from cases and messages from frameworks are
escaped for the format at hand: nobody's case id can close a tag, ping a colleague or break a table.
"""

from __future__ import annotations

from harness.report.exports.badge import badge
from harness.report.exports.junit import junit
from harness.report.exports.markdown import markdown
from harness.report.exports.sarif import sarif

__all__ = ["badge", "junit", "markdown", "sarif"]
