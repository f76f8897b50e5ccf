"""How much of what torch and JAX can differentiate the catalogue holds."""

from harness.coverage.count import Coverage, coverage
from harness.coverage.survey import SurveyFailed

__all__ = ["Coverage", "SurveyFailed", "coverage"]
