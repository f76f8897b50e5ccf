"""Elementwise functions at many points: observe them, know the truth, judge them. The atlas and the audit share it."""
