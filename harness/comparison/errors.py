"""What can be wrong with what is handed to a comparison."""

from harness.model import HarnessError


class CompareError(HarnessError):
    """Recorded runs cannot be compared as asked; the message says why and what to do."""
