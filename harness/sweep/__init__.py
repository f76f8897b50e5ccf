"""Every float of a function: worst and median error of value, d/dz and d/dz*, and where which derivative is lost."""
