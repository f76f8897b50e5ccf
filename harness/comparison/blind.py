"""What a point cannot show: errors that would leave its J as it is."""

from __future__ import annotations

import numpy as np

from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, close

_SHORT = {
    "on the input and the output side": "conjugation-both",
    "on the input side": "conjugation-input",
    "on the output side": "conjugation-output",
}


def blindness(form: Form, blocks: Array, tol: Tolerances) -> list[str]:
    """One string a pair, "" where nothing is hidden; `blocks` is J as (P, m, n, c).

    "conjugation"         no conjugation that applies to this input and output would change J
    "conjugation-both"    only D J D = J: a result left in the other convention would pass (z**2 on the real axis)
    "conjugation-input"   only J D = J: a conjugated gradient would pass
    "conjugation-output"  only D J = J: a conjugated cotangent would pass
    "sign", "factor"      J is zero (or NaN throughout)
    joined by "+".  A derivative of a real function of reals has no conjugation to show and is not called blind to it.
    """
    count = blocks.shape[0]

    def unseen(signs: Array | float) -> Array:
        return np.asarray(close(blocks, blocks * signs, tol.coarse, tol.tiny).all(axis=(1, 2, 3)))

    zero = unseen(-1.0)
    hidden = [(words, unseen(signs)) for words, signs in form.conjugations]
    code = zero.astype(np.int64)
    for k, (_, mask) in enumerate(hidden):
        code |= mask.astype(np.int64) << (k + 1)
    texts = {}
    for value in np.unique(code):
        found = [words for k, (words, _) in enumerate(hidden) if value >> (k + 1) & 1]
        parts = []
        if found:
            parts.append("conjugation" if len(found) == len(hidden) else "+".join(_SHORT[w] for w in found))
        if value & 1:
            parts.append("sign+factor")
        texts[int(value)] = "+".join(parts)
    return [texts[int(v)] for v in code] if count else []
