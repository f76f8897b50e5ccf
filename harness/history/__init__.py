"""What changed: between two runs (`diff`), and over many (`timeline`).

Both are the join of harness.comparison along one axis; they decide what is right against the evidence that the runs
contain (the reference, closed forms, finite differences) and otherwise speak of change alone.
"""

from harness.history.diff import CHANGES, diff
from harness.history.timeline import Timeline, timeline

__all__ = ["CHANGES", "Timeline", "diff", "timeline"]
