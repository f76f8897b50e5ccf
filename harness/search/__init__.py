"""Programs nobody wrote, until a framework breaks.

    language    random programs of the portable grammar, typed by kind and shape, with the numbers they are tried at
    here        an executor whose workers are this process
    causes      which failure belongs to which cause, and which are known
    hunt        Hypothesis generates and shrinks; what is found is written as it is found
    supervise   the hunt in a process of its own, which may die of a framework
    pages       what was found, for people
"""
