"""One pair of derivatives that differ, and what is known about it: the point explains it, or a side is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.comparison.batch import judge_batch
from harness.comparison.culprit import Excused, accuse, between, explain, explain_reference, is_pole
from harness.comparison.documented import two_functions
from harness.comparison.engine import Engine, Group
from harness.comparison.facts import DOMAIN, GAUGE, KINK, SMOOTH, FactIndex, Facts
from harness.comparison.gauge import invalid
from harness.comparison.kinks_below import kinks_below
from harness.comparison.magnitudes import SHAKEN, moving, unseen, unsettled
from harness.comparison.raw_facts import elementwise, noise_of, raw_facts, raw_noise
from harness.comparison.rounding import (
    Steps,
    as_matrix,
    one_operation,
    raw_steps,
    second_steps,
    steps_of,
    taken_of,
    third_steps,
)
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import CEILING
from harness.comparison.value_kinds import Array, Form, close, differences, scale
from harness.comparison.zeros import largest_error, noise_of_zero, structural_zeros
from harness.verdicts import HIGHER, RELATION, VERDICT

NEAR = "within rounding of the reference"
#: Verdicts that leave open who is wrong.
OPEN = tuple(VERDICT[v] for v in ("nonfinite", "conjugate", "sign", "factor", "part", "zero", "mismatch"))
class DifferingPair:
    """One pair that differs, and what is known about it."""

    def __init__(
        self, engine: Engine, index: FactIndex, group: Group, k: int, left: Array, right: Array, floor: Array
    ) -> None:
        self.engine, self.index, self.group, self.k = engine, index, group, k
        self.left, self.right, self.floor = left, right, floor
        self.tol = engine.context.tolerances[group.tolerance]
        self.ends = int(engine.pairs.left[k]), int(engine.pairs.right[k])
        self.against_reference = engine.context.targets[int(engine.pairs.right_target[k])].backend == REFERENCE
        self.agrees = bool(engine.out.verdict[k] not in OPEN)
        self.precise = bool(engine.out.verdict[k] == VERDICT["precision"])
        self.unseen = np.zeros((group.form.m, group.form.n))

    def key(self) -> object:
        """What the answer depends on; a pair with finite differences of its own values stands for itself."""
        engine, k = self.engine, self.k
        context, out, seen = engine.context, engine.out, engine.seen
        own = self.index.has_differences(self.ends[0]) or self.index.has_differences(self.ends[1])
        targets = [context.targets[int(context.joiner.target[end])] for end in self.ends]
        rows = [int(context.value_row[end]) for end in self.ends]
        rows += [int(context.j_row[end]) for end in self.ends if self.group.quantity == "raw"]
        return (
            k if own else -1, int(context.spot[self.ends[0]]), self.group.quantity, self.group.kind, self.group.form,
            self.group.tolerance, seen.text("api", self.ends[0]) == "pushforward", bool(engine.pairs.predicted[k]),
            *((t.family, t.backend == REFERENCE) for t in targets), int(out.verdict[k]), out.note[k],
            *map(context.bytes_of, rows),
            self.left.tobytes(), self.right.tobytes(), self.floor.tobytes())

    def settle(self) -> tuple[str, str]:
        """Revise the verdict, or find the culprit: ("left", "right", "both", "formula" or "", the kind of evidence)."""
        if self.precise:
            return self._over_ceiling()
        self._as_hessian()
        out, k = self.engine.out, self.k
        hessian = self.group.quantity in HIGHER
        if self.group.quantity == "raw":
            own = [raw_facts(self.engine, self.index, end, self.group.form, self.group.kind) for end in self.ends]
            gauge = [self._raw_no_gauge(end) for end in self.ends]
            if any(gauge):
                return self._accused_of_gauge(gauge)
            if not self.agrees and self._raw_is_free():
                return "", ""
        else:
            if hessian and self._kink_below():
                return "", ""
            own = [self.index.of(end, self.group.form, self.group.quantity) for end in self.ends]
            own = self._within_domain(own)
            sides = self.left, self.right
            gauge = [self._no_gauge(end, side, own) for end, side in zip(self.ends, sides, strict=True)]
            if any(gauge):
                return self._accused_of_gauge(gauge)
            if not self.agrees:
                self._explain(own[0] or own[1])
                if out.verdict[k] not in OPEN:
                    return "", ""
        facts = next((f for f in own[0] + own[1] if f.truth is not None), None)
        truth = None if facts is None or facts.evidence == "finite-differences" else facts.truth
        if self.agrees and not self._lost_alone(facts):
            return "", ""
        steps = [self._steps(end, truth) for end in self.ends]
        allowed = self._allowed(own, steps, truth)
        constant = np.zeros(allowed.shape)
        if truth is not None and self.group.quantity == "differential":
            constant = structural_zeros(self.left, self.right, truth, self.tol)
            allowed = np.maximum(allowed, constant)
        left, right, word = self._accused(own, allowed, (None, None))
        if (left or right) and self._documented_apart():
            return "", ""
        if left or right:
            excused = self._excused(own, steps, truth)
            if excused[0] is not None or excused[1] is not None:
                accused = self._accused(own, allowed, excused)
                if not (accused[0] or accused[1]):
                    return self._formula(truth, steps, left, right, word)
                left, right, word = accused
            if self.agrees and facts is not None:
                there = "one-sided derivatives are" if (facts.kind == KINK).any() else "the derivative is"
                out.verdict[k], out.note[k] = VERDICT["nonfinite"], f"not finite on both sides, where {there}"
            elif not hessian and facts is not None and (facts.kind == KINK).any() and np.isfinite(self.left).all():
                self._outside(facts)
        elif self.agrees or (truth is None and self._noise_alone(allowed)):
            pass
        elif not self._rounds_alike(steps, truth) and truth is not None and out.verdict[k] in OPEN:
            # Of 8 bits a saturating function of several numbers (softmax) loses all while still far from its limit.
            whole = hessian or bool(self.tol.form.half)
            self._within_rounding(truth, np.where(np.isfinite(allowed), allowed, 0) if whole else np.maximum.reduce(
                [constant, *(moving(f, self.tol) for f in own[0] + own[1] if f.stability is not None)]))
        if not (left or right):
            return "", ""
        return "both" if left and right else "left" if left else "right", word

    def _over_ceiling(self) -> tuple[str, str]:
        """Who has lost more digits than any faithful algorithm does, though not as many as make a derivative wrong."""
        own = [self.index.of(end, self.group.form) for end in self.ends]
        facts = next((f for f in own[0] + own[1] if f.truth is not None and f.evidence != "finite-differences"), None)
        if facts is None or self.group.quantity != "differential" or not facts.regular.all():
            return "", ""
        if not one_operation(self.engine.context, self.ends[0]):
            return "", ""
        steps = [self._steps(end, facts.truth) for end in self.ends]
        allowed = self._allowed(own, steps, facts.truth)
        narrow = replace(self.tol, coarse=min(self.tol.coarse, CEILING * self.tol.eps))
        left, right, word = accuse(
            self.left, self.right, (own[0], own[1]), narrow, self.floor, allowed,
            self._excused(own, steps, facts.truth))
        right &= not self.against_reference
        if not (left or right) or self._documented_apart():
            return "", ""
        out = self.engine.out
        out.note[self.k] = f"{out.ulp[self.k]:.2g} units in the last place apart"
        return "both" if left and right else "left" if left else "right", word

    def _as_hessian(self) -> None:
        """What an API returns as the Hessian of a real function of real numbers is that matrix."""
        context, form = self.engine.context, self.group.form
        if self.group.kind != "hessian" or self.engine.pairs.predicted[self.k] or form.out_complex:
            return
        names = context.seen.text("input", self.ends[0]).split(",")
        rows = [context.row_of("hessian", end, ",".join(names)) for end in self.ends]
        sizes = [context.sizes_of_input(self.ends[0], name) for name in (names[0], names[-1])]
        if min(rows) < 0 or any(s is None for s in sizes) or context.in_complex[self.ends[0]]:
            return
        m, n = (int(s.size) for s in sizes if s is not None)
        if form.m * form.n != m * n:
            return
        self.group, self.ends = replace(self.group, quantity="hessian", form=Form(True, m, n)), (rows[0], rows[1])
        self.left, self.right = self.left.reshape(m, n, 1), self.right.reshape(m, n, 1)
        self.floor = self.floor.reshape(m, n)

    def _lost_alone(self, facts: Facts | None) -> bool:
        """Whether there is a derivative, of some kind, somewhere where neither side has a number."""
        if facts is None or facts.truth is None:
            return False
        lost = ~np.isfinite(self.left) & ~np.isfinite(self.right)
        return bool((lost & (np.isfinite(facts.truth) | (facts.kind == KINK))).any())

    def _documented_apart(self) -> bool:
        """Whether the text of both sides is documented as two functions, which meet at this point."""
        sentence = two_functions(self.engine.context, *self.ends)
        out, k = self.engine.out, self.k
        if sentence:
            out.note[k] = f"{sentence}; {out.note[k]}"
        return bool(sentence)

    def _no_gauge(self, end: int, side: Array, own: list[list[Facts]]) -> bool:
        """Whether a side differs by more than a free sign or phase explains."""
        target = self.engine.context.targets[int(self.engine.context.joiner.target[end])]
        facts = next((f for f in own[0] + own[1] if f.invariant is not None), None)
        if facts is None or target.backend == REFERENCE or self.group.quantity in HIGHER:
            return False
        return invalid(self.engine.context, end, side, facts, self.group.form, self.tol)

    def _raw_no_gauge(self, end: int) -> bool:
        """The same of the differential that a raw result belongs to."""
        context = self.engine.context
        j = int(context.j_row[end])
        form = context.j_form(j) if j >= 0 else None
        facts = None if form is None else next((f for f in self.index.of(j, form) if f.invariant is not None), None)
        if form is None or facts is None:
            return False
        blocks = form.blocks(context.seen.components(np.array([j])))[0]
        return invalid(context, j, blocks, facts, form, self.tol)

    def _accused_of_gauge(self, wrong: list[bool]) -> tuple[str, str]:
        out, k = self.engine.out, self.k
        if self.against_reference:
            out.verdict[k] = VERDICT["mismatch"]
            out.note[k] = "no free sign or phase explains this derivative"
        else:
            out.note[k] = f"{out.note[k]}; no free sign or phase explains it"
        return "both" if all(wrong) else "left" if wrong[0] else "right", REFERENCE

    def _accused(
        self, own: list[list[Facts]], allowed: Array, excused: tuple[Array | None, Array | None]
    ) -> tuple[bool, bool, str]:
        left, right, word = accuse(
            self.left, self.right, (own[0], own[1]), self.tol, self.floor, allowed, excused,
            kinks=self.group.quantity not in HIGHER)
        right &= not self.against_reference
        return bool(left), bool(right), word if left or right else ""

    def _steps(self, end: int, truth: Array | None) -> Steps | None:
        """What correctly rounded operations make of the text of one side."""
        target = self.engine.context.targets[int(self.engine.context.joiner.target[end])]
        if target.backend == REFERENCE:
            return None
        if self.group.quantity == "hessian":
            return None if truth is None else second_steps(self.engine.context, end, self.group.form, truth)
        if self.group.quantity == "third":
            return None if truth is None else third_steps(self.engine.context, end, truth)
        if self.group.quantity == "raw":
            return raw_steps(self.engine, end, self.group.form, self.group.kind)
        forward = self.engine.seen.text("api", end) == "pushforward"
        return steps_of(self.engine.context, end, self.group.form, forward)

    def _allowed(self, own: list[list[Facts]], steps: list[Steps | None], truth: Array | None) -> Array:
        """(m, n): an error of this size proves nothing, whatever it comes from."""
        context, form, tol = self.engine.context, self.group.form, self.tol
        if any(s is not None for s in steps) and self.group.quantity not in HIGHER:
            return np.zeros((form.m, form.n))
        if self.group.quantity == "raw":
            return np.asarray(np.maximum.reduce([
                raw_noise(self.engine, self.index, end, form, self.group.kind, tol) for end in self.ends]))
        # A second derivative is not one operation's own where the text is of several.
        several = self.group.quantity in HIGHER and taken_of(context, self.ends[0]) is not None
        noises = [noise_of(context, end, form, tol, None if several else truth) for end in self.ends]
        noises += [moving(f, tol) for f in own[0] + own[1] if f.stability is not None]
        if truth is None and self.group.quantity == "differential":
            self.unseen = np.maximum.reduce([
                unseen(context, end, form, each, tol) for end, each in zip(self.ends, own, strict=True)])
            noises.append(self.unseen)
        return np.asarray(np.maximum.reduce(noises))

    def _excused(self, own: list[list[Facts]], steps: list[Steps | None], truth: Array | None) -> Excused:
        """Entries of either side that are nobody's fault: operations give them, or the rounding of the point does."""
        shaken = [unsettled(f) for f in own[0] + own[1] if f.stability is not None and f.truth is not None]
        found: list[Array | None] = []
        apart = self.group.quantity == "differential" and any(s is not None for s in steps)
        for s, x, end in zip(steps, (self.left, self.right), self.ends, strict=True):
            mask = None if s is None else s.explains(x)
            if mask is None and apart and truth is not None:  # a text of its own beside one that is taken apart
                room = noise_of(self.engine.context, end, self.group.form, self.tol, truth)
                mask = np.isfinite(x) & (differences(x, truth) <= room[..., None])
            if shaken and shaken[0].any():
                free = shaken[0] & ~np.isfinite(x)
                mask = free if mask is None else mask | free
            found.append(mask)
        return found[0], found[1]

    def _formula(
        self, truth: Array | None, steps: list[Steps | None], left: bool, right: bool, word: str
    ) -> tuple[str, str]:
        """Every operation is right to its own rounding: nobody's framework is at fault."""
        told = next((s.told for s, wrong in zip(steps, (left, right), strict=True) if s is not None and wrong), "")
        if not told:
            if not self.agrees:
                self._say("precision", NEAR if any(s is not None for s in steps) else SHAKEN)
            return "", ""
        accused = [side for side, wrong in ((self.left, left), (self.right, right)) if wrong]
        if any(not np.isfinite(side).all() for side in accused):
            out, k = self.engine.out, self.k
            out.verdict[k] = VERDICT["nonfinite"]
            out.note[k] = f"{out.note[k]}; {told}" if out.note[k] else f"not finite where the derivative is; {told}"
            return "formula", word
        if truth is not None and all(noise_of_zero(side, truth, self.tol) for side in accused):
            self._say("agree", f"rounding around zero, of size {largest_error(accused, truth):.2g}")
            return "", ""
        if not any(s.kinked(x) for s, x in zip(steps, (self.left, self.right), strict=True) if s is not None):
            self._say("precision", told)
        else:
            self._say("choice", "a kink inside of the text, of which each operation takes a slope; its own has none")
        return "formula", word

    def _rounds_alike(self, steps: list[Steps | None], truth: Array | None) -> bool:
        """Whether both sides are what correctly rounded operations give; the reference is what it is."""
        sides = [(s, x) for s, x in zip(steps, (self.left, self.right), strict=True) if s is not None]
        if not sides or not all(s.rounds(x) for s, x in sides):
            return False
        if len(sides) < 2 and not self.engine.pairs.predicted[self.k] and not self.against_reference:
            return False
        size = max(float(np.max(differences(self.left, self.right), initial=0.0)), 0.0)
        zero = truth is not None and all(noise_of_zero(x, truth, self.tol) for _, x in sides)
        self._say("agree" if zero else "precision",
                  f"rounding around zero, of size {size:.2g}" if zero else sides[0][0].told)
        return True

    def _outside(self, facts: Facts) -> None:
        """A number that no generalised derivative holds."""
        out, k = self.engine.out, self.k
        if self.against_reference and out.verdict[k] == VERDICT["nonfinite"]:
            out.verdict[k] = VERDICT["mismatch"]
        out.note[k] = f"a kink, outside of the generalised derivative; {out.note[k]}"

    def _kink_below(self) -> bool:
        """Whether every difference is along an input at a kink of a lower derivative, and finite: choices there."""
        form, quantity = self.group.form, self.group.quantity
        free = kinks_below(self.engine.context, self.index, self.ends[0], form, quantity)[..., None]
        if not free.any():
            return False
        same = close(self.left[None], self.right[None], self.tol.coarse, self.tol.tiny, self.floor[None])[0]
        for f in self.index.of(self.ends[0], form, quantity) if self.against_reference else ():
            if f.low is not None and f.high is not None:  # what the two sides of the kink have in common
                same |= np.isfinite(self.left) & between(self.left, f.low, f.high, self.tol)
        finite = np.isfinite(self.left) & (np.isfinite(self.right) | self.against_reference)
        if not (same | (free & finite)).all():
            return False
        self._say("agree" if self.against_reference else "choice",
                  f"a kink of the function, there is no {'third' if quantity == 'third' else 'second'} derivative")
        return True

    def _noise_alone(self, allowed: Array) -> bool:
        """Whether sides of which nothing is known differ by no more than what eight roundings of the values leave."""
        context = self.engine.context
        if self.group.quantity in HIGHER or not (np.isfinite(self.left) & np.isfinite(self.right)).all():
            return False
        for end in self.ends:
            sizes = context.j_sizes(int(context.j_row[end])) if context.j_row[end] >= 0 else None
            if sizes is None:
                return False
            if elementwise(sizes[..., None], context, end):  # a derivative is measured against itself alone
                allowed = self.unseen if self.group.quantity == "differential" else np.zeros(allowed.shape)
        size = differences(self.left, self.right)
        same = close(self.left[None], self.right[None], self.tol.coarse, self.tol.tiny, self.floor[None])[0]
        if not (same | ((size <= allowed[..., None]) & np.isfinite(allowed)[..., None])).all():
            return False
        self._say("agree", f"rounding around zero, of size {size[~same].max(initial=0.0):.2g}")
        return True

    def _within_rounding(self, truth: Array, allowed: Array) -> None:
        """Sides that are both as near to the truth as rounding leaves them, or as lost digits do, do not differ."""
        tol, floor = self.tol, self.floor[None]
        near = [
            np.isfinite(side) & (((differences(side, truth) <= allowed[..., None]) & (allowed > 0)[..., None])
                                 | close(side[None], truth[None], tol.coarse, tol.tiny, floor)[0])
            for side in (self.left, self.right)]
        same = close(self.left[None], self.right[None], tol.coarse, tol.tiny, floor)[0]
        if (same | (near[0] & near[1])).all():
            self._say("precision", NEAR)

    def _raw_is_free(self) -> bool:
        """A raw result whose differential is free to differ: in a gauge, or off the domain of the function."""
        context = self.engine.context
        j = int(context.j_row[self.ends[0]])
        form = context.j_form(j) if j >= 0 else None
        if form is None or self.engine.pairs.predicted[self.k]:
            return False
        for facts in self.index.of(j, form):
            for kind, verdict, told in (
                (GAUGE, "gauge", "depends on a free phase, sign or basis"),
                (DOMAIN, "choice", "depends on how the function is continued where it is not defined"),
            ):
                if (facts.kind == kind).any():
                    self._say(verdict, told)
                    return True
        return False

    def _within_domain(self, own: list[list[Facts]]) -> list[list[Facts]]:
        """Where a function is defined along some directions only, look along those: J P in place of J."""
        domain = next((f.domain for f in own[0] + own[1] if f.domain is not None), None)
        form = self.group.form
        if domain is None or not all((f.kind == DOMAIN).any() for f in own[0] if f.evidence == "reference"):
            return own
        if domain.shape != (form.n * (1 + form.in_complex),) * 2:
            return own
        size = scale(self.left[None], self.right[None])[0]
        self.floor = np.maximum(self.floor, size)
        self.left, self.right = (_projected(x, form, domain) for x in (self.left, self.right))
        return [
            [
                replace(
                    f, kind=np.where(f.kind == DOMAIN, SMOOTH, f.kind), domain=None,
                    truth=None if f.truth is None else _projected(f.truth, form, domain),
                    bound=_projected(f.bound, form, np.abs(domain)),
                )
                for f in facts
            ]
            for facts in own
        ]

    def _explain(self, facts: list[Facts]) -> None:
        """Revise the verdict where the kind of the point accounts for some or all of the difference."""
        out, k, form, tol = self.engine.out, self.k, self.group.form, self.tol
        known = next((f for word in ("reference", "closed-form") for f in facts if f.evidence == word), None)
        if known is None:
            return
        floor = self.floor[None]
        if close(self.left[None], self.right[None], tol.coarse, tol.tiny, floor).all():
            self._say("agree" if self.against_reference else "choice",
                      "equal along the directions in which the function is defined")
            return
        said = (explain_reference if self.against_reference else explain)(self.left, self.right, known, tol, self.floor)
        if said.verdict:
            again = judge_batch(form, self.left[None], np.where(said.mask, self.left, self.right)[None], tol, floor)
            if again.verdict[0] <= VERDICT["precision"]:
                self._say(said.verdict, said.note)
            else:
                out.verdict[k], out.relation[k] = again.verdict[0], again.relation[0]
                out.factor[k] = again.factor[0]
                out.note[k] = f"{again.note[0]}; elsewhere {said.note}"
        elif is_pole(self.left, self.right, known, tol):
            out.note[k] = f"a pole or essential singularity, there is no derivative here; {out.note[k]}"

    def _say(self, verdict: str, note: str) -> None:
        out, k = self.engine.out, self.k
        out.verdict[k], out.note[k], out.factor[k] = VERDICT[verdict], note, np.nan
        same = "equal" if self.group.left_sign == self.group.right_sign else "conjugate"
        out.relation[k] = RELATION[same if verdict in ("agree", "precision") else "none"]


def _projected(blocks: Array, form: Form, domain: Array) -> Array:
    """(m, n, c) of J P.  An entry that is not finite spreads along its row, as it ought to."""
    with np.errstate(all="ignore"):
        matrix = as_matrix(blocks, form)[0] @ domain
    return np.asarray(form.blocks(matrix.reshape(1, -1))[0])
