"""What can be wrong with what is handed to a comparison."""


class CompareError(Exception):
    """Recorded runs cannot be compared as asked; the message says why and what to do."""
