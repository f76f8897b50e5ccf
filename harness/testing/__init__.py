"""For test suites: `assert_same_gradient`, and the pytest plugin that runs case files as tests."""

from harness.testing.gradients import assert_same_gradient

__all__ = ["assert_same_gradient"]
