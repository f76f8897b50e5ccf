"""Every float of a function: worst and median error of value, d/dz and d/dz*, and where which derivative is lost.

    points             which numbers of a format (harness.formats) are looked at
    asking, filtering  the frameworks in processes of their own; which points the reference should decide
    engine, errors     one sweep; errors in ulp, cuts and kinks allowed for
    regions, tables    what was found in words, as a frame, as text
    exhaustive         every number of a format of 16 or 32 bits
    everything         every elementwise function of the spelling table
"""
