"""What the steps of an audit share: what was asked, what is known so far, and how both sides are asked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.audit.answer import Audit
from harness.audit.faults import SideFault
from harness.audit.mapping import Link, Matching
from harness.audit.parts import Parted
from harness.audit.sides import Channel, Evaluated, Loaded, SideLeaf, arrays
from harness.backends.side.narrow import digits
from harness.backends.side.sets import Set
from harness.comparison.tolerance import Tolerances, tolerances
from harness.formats import SINGLE
from harness.model import HarnessError
from harness.wirtinger import Array

SIDES = ("torch", "jax")


@dataclass(frozen=True)
class Options:
    """What an audit is asked, beyond the two functions and their inputs.

    rtol: relative to the largest entry of a parameter's gradient (default eps**0.75); atol: absolute. precision:
    "single", "double", "float16" or "bfloat16" casts the inputs. constant: globs of inputs that are not differentiated.
    seed: of cotangents and directions. values_from: "torch" or "jax" gives that side's numbers to the other. mapping:
    torch leaf name to JAX leaf name, or the file that holds it. torch_step, jax_step: an optimiser step of each side.
    path: folders that are searched for modules (default: the current one). differences, taps, trace: whether finite
    differences are taken, taps compared, and steps recorded to find where the programs part; lines: whether matched
    lines are kept for a page.
    """

    rtol: float | None = None
    atol: float = 0.0
    precision: str = ""
    constant: tuple[str, ...] = ()
    seed: int = 0
    values_from: str = ""
    mapping: Any = field(default_factory=dict)
    torch_step: Any = None
    jax_step: Any = None
    path: tuple[str, ...] = ()
    differences: bool = True
    taps: bool = True
    trace: bool = True
    lines: bool = False


@dataclass
class State:
    """What is known so far; the parts of the audit hand it on."""

    channels: dict[str, Channel]
    options: Options
    targets: Mapping[str, Any]
    loaded: dict[str, Loaded] = field(default_factory=dict)
    seen: dict[str, Evaluated] = field(default_factory=dict)
    matching: Matching = field(default_factory=lambda: Matching((), (), ()))
    so_far: Audit | None = None  # kept where a side fails late
    tol: Tolerances = field(default_factory=lambda: tolerances("complex128"))
    sets: dict[str, Set] = field(default_factory=dict)  # torch's name -> the set in which a constrained input is moved
    noise: dict[str, float] = field(default_factory=dict)  # side -> how far its value jumps next to the point
    narrow: dict[str, list[tuple[str, int, str, str]]] = field(default_factory=dict)  # side -> lines in float32
    outer: Tolerances | None = None  # those of inputs and outputs, where a narrower precision is inside
    half: str = ""  # the half precision in which a side computes
    stuck: bool = False  # whether it can be evaluated in that alone, which tells nothing beyond the rows
    padded: dict[str, int] = field(default_factory=dict)  # torch's name -> the row that gets no gradient by intention
    unchecked: dict[str, str] = field(default_factory=dict)  # torch's name -> why it cannot be moved at all

    def ask(self, request: str, fields: Callable[[str], Mapping[str, Any]] = lambda side: {}) -> dict[str, Any]:
        """One request to both sides, at the same time; their answers by side. Raises Faults."""
        for side in SIDES:
            self.channels[side].ask(request, **fields(side))
        found: dict[str, Any] = {}
        faults: dict[str, SideFault] = {}
        while len(found) + len(faults) < len(SIDES):
            for side in SIDES:
                if side in found or side in faults:
                    continue
                try:
                    reply = self.channels[side].poll()
                except SideFault as fault:
                    faults[side] = fault
                else:
                    if reply is not None:
                        found[side] = reply
        if faults:
            raise Faults([faults[side] for side in SIDES if side in faults])
        return found

    @property
    def single(self) -> bool:
        """Whether inputs or outputs are in single precision (or half), and not only what is inside."""
        return (self.outer or self.tol).single

    @property
    def inside(self) -> str:
        """The coarsest dtype inside of a side that is narrower than that of its inputs; "" where there is none."""
        found = [dtype for lines in self.narrow.values() for _, _, dtype, _ in lines]
        return min(found, key=digits, default="")

    @property
    def inside_words(self) -> str:
        """What the precision inside is called: "single", "half", or "" where there is none."""
        return {0: "", SINGLE.digits: "single"}.get(digits(self.inside), "half")

    def array(self, side: str, name: str) -> Array:
        leaf = next(x for x in self.loaded[side].leaves if x.name == name)
        assert leaf.array is not None
        return leaf.array

    def dtype(self, side: str, name: str) -> str:
        """The dtype of a leaf as the function gets it."""
        leaf = next(x for x in self.loaded[side].leaves if x.name == name)
        assert leaf.array is not None
        return leaf.half or str(leaf.array.dtype)

    @property
    def differentiated(self) -> list[Link]:
        """Links of leaves that both sides differentiate."""
        return [x for x in self.matching.links if self.active("torch", x.torch) and self.active("jax", x.jax)]

    @property
    def movable(self) -> list[Link]:
        """Those of `differentiated` that finite differences may move."""
        return [x for x in self.differentiated if x.torch not in self.unchecked]

    def whole(self, side: str) -> tuple[SideLeaf, ...]:
        """The leaves of a side in its own order, those that were cut into parts uncut."""
        channel = self.channels[side]
        return channel.whole if isinstance(channel, Parted) else self.loaded[side].leaves

    def active(self, side: str, name: str) -> bool:
        return any(x.name == name and x.differentiate for x in self.loaded[side].leaves)

    def gradients(self, x: Link) -> tuple[Array | None, Array | None]:
        """Both gradients L_x + i L_y of a link, laid out as torch's."""
        right = self.seen["jax"].gradients.get(x.jax)
        return self.seen["torch"].gradients.get(x.torch), None if right is None else x.to_torch(right)


class Faults(HarnessError):
    """One or both sides could not be run."""

    exit_status = 3

    def __init__(self, faults: Sequence[SideFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)

    @property
    def lost(self) -> bool:
        """Whether a process answers nothing any more: then there is no going on without the answer."""
        return any(f.lost for f in self.faults)


def transformed(state: State, side: str, what: Mapping[str, str]) -> dict[str, Array] | None:
    """The outputs of a side with inputs turned; None where its code does not take them."""
    state.channels[side].ask("transformed", what=dict(what))
    try:
        return arrays(state.channels[side].answer()["outputs"])
    except SideFault as fault:
        if fault.lost:
            raise Faults([fault]) from fault
        return None
