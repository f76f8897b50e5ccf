"""Where a port starts to differ: every origin, on both sides, by file and line, with what it is and what to write."""
