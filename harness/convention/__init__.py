"""Measuring what each API returns: probes, formulas that could explain what came back, and the table of conventions."""
