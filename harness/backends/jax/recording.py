"""The steps of a function on JAX: its jaxpr, evaluated equation by equation.

Each result passes through an identity of its own whose derivative rule hands the cotangent to the tape and on: all of
them come out of one jax.vjp, none is held. The identities also depend on a number that is differentiated, so that a
value gets its cotangent where no input reaches it. Equations know their line by `eqn.source_info`, as jax.extend has
it; its frames are XLA's traceback, for which there is no public interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.backends.jax.options import options
from harness.backends.side.recording import Tape, not_the_users, own_place
from harness.wirtinger import Array, signed

#: Programs that are opened: their inner equations are steps.
_INNER = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint")
_RULES = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
#: Iterations of one loop that are steps; of a longer one the first half as many, and others evenly spread.
ITERATIONS = 400


@dataclass(frozen=True)
class Site:
    """Where an equation stands. quiet: inside of a rule of the user's own, where there are no cotangents."""

    where: tuple[str, int] = ("", 0)
    scope: str = ""
    loop: tuple[int, ...] = ()
    quiet: bool = False

    def at(self, **changes: Any) -> Site:
        return Site(**{**vars(self), **changes})


class Enough(Exception):
    """Everything that the tape asks for is there."""


class Steps:
    """One evaluation. token: a scalar zero that is differentiated; None for the values alone."""

    def __init__(self, jax: Any, tape: Tape, token: Any = None) -> None:
        self.jax, self.tape, self.token = jax, tape, token
        self.folders = not_the_users(jax)

    def run(self, closed: Any, args: Sequence[Any], ids: Sequence[Any], site: Site,
            known: Sequence[Any] = ()) -> tuple[list[Any], list[Any]]:
        """(results, their steps or None) of a jaxpr.

        args, ids: of its arguments; known: (value, step) of its constants.
        """
        jaxpr, consts = getattr(closed, "jaxpr", closed), getattr(closed, "consts", ())
        held = known or [(c, None) for c in consts]
        env: dict[Any, tuple[Any, Any]] = dict(zip(jaxpr.constvars, held, strict=True))
        env.update(zip(jaxpr.invars, zip(args, ids, strict=True), strict=True))
        last = _last_uses(jaxpr)

        def get(atom: Any) -> tuple[Any, Any]:
            return (atom.val, None) if hasattr(atom, "val") else env[atom]

        for k, eqn in enumerate(jaxpr.eqns):
            read = [get(x) for x in eqn.invars]
            here = site.at(where=line_of(eqn, self.folders) or site.where, scope=_joined(site.scope, eqn))
            results = self._equation(eqn, [v for v, _ in read], [i for _, i in read], here)
            env.update(zip(eqn.outvars, zip(*results, strict=True), strict=True))
            for variable in last.get(k, ()):
                env.pop(variable, None)
            if self.tape.enough:
                raise Enough
        pairs = [get(x) for x in jaxpr.outvars]
        return [v for v, _ in pairs], [i for _, i in pairs]

    def _equation(self, eqn: Any, args: list[Any], ids: list[Any], here: Site) -> tuple[list[Any], list[Any]]:
        name, params = eqn.primitive.name, eqn.params
        inner = params.get("jaxpr") or params.get("call_jaxpr") or params.get("fun_jaxpr")
        if name in _INNER and inner is not None:
            return self.run(inner, args, ids, here)
        if name in _RULES and inner is not None and not here.quiet:
            return self._rule(eqn, inner, args, ids, here)
        if name in _RULES and inner is not None:
            return self.run(inner, args, ids, here)
        if name == "cond":
            chosen = int(self.primals(args[:1])[0])
            branches = params["branches"]
            return self.run(branches[min(max(chosen, 0), len(branches) - 1)], args[1:], ids[1:], here)
        if name == "scan" and params["length"]:
            return self._scan(eqn, args, ids, here)
        if name == "while":
            return self._while(eqn, args, ids, here)
        if name == "pad" and self.token is not None and not here.quiet:
            args = [self._tied(args[0]), *args[1:]]
        if self.tape.varied == self.tape.count:
            self.tape.options = list(options(self.jax, eqn.primitive, params, args))
        return self._noted(name, self._bound(eqn.primitive, params, args), ids, here)

    def _bound(self, primitive: Any, params: Mapping[str, Any], args: list[Any]) -> list[Any]:
        """The results of an equation. One that refuses tangents (what a solver marks as not differentiable) gets none:
        in the user's own program none arrives there, or his gradient would have failed."""
        try:
            return _bind(primitive, params, args)
        except Exception:
            if self.token is None:
                raise
            return _bind(primitive, params, [self.jax.lax.stop_gradient(x) for x in args])

    def _tied(self, x: Any) -> Any:
        """x, which the token moves too: JAX cannot transpose a pad of whose arguments the padding value alone moves."""
        if not self.jax.numpy.issubdtype(x.dtype, self.jax.numpy.inexact):
            return x
        tie = self.jax.custom_vjp(lambda x, token: x)
        tie.defvjp(lambda x, token: (x, None), lambda _, g: (g, self.jax.numpy.zeros_like(self.token)))
        return tie(x, self.token)

    def constants(self, closed: Any) -> list[tuple[Any, int | None]]:
        """The arrays that a program holds besides its inputs, as steps on the line that first uses them."""
        out: list[tuple[Any, int | None]] = []
        for variable, value in zip(closed.jaxpr.constvars, closed.consts, strict=True):
            first = next((e for e in closed.jaxpr.eqns if any(x is variable for x in e.invars)), None)
            where = None if first is None else line_of(first, self.folders)
            values, found = self._noted("constant", [value], [], Site(where or ("", 0), quiet=True))
            out += zip(values, found, strict=True)
        return out

    def primals(self, args: Sequence[Any]) -> list[Any]:
        """The numbers behind values that are being differentiated."""
        if not any(isinstance(x, self.jax.core.Tracer) for x in args):
            return list(args)
        box: list[Any] = []

        def forward(*values: Any) -> tuple[Any, None]:
            box[:] = values
            return self.jax.numpy.zeros(()), None

        peek = self.jax.custom_vjp(lambda *values: forward(*values)[0])
        peek.defvjp(forward, lambda _, g: (None,) * len(args))
        peek(*args)
        return box

    # -- results -------------------------------------------------------------------------------------------------------

    def _noted(
        self, name: str, results: Sequence[Any], parents: Sequence[Any], here: Site
    ) -> tuple[list[Any], list[Any]]:
        known, out, numbers = [i for i in parents if i is not None], [], []
        for x in results:
            inexact = self.jax.numpy.issubdtype(x.dtype, self.jax.numpy.inexact)
            number = self.tape.number() if inexact else None
            out.append(x if number is None else self._passed(name, number, x, known, here))
            numbers.append(number)
        return out, numbers

    def _passed(self, name: str, number: int, x: Any, parents: list[int], here: Site) -> Any:
        """A result that the tape has seen, or what takes its place."""
        jax, tape = self.jax, self.tape

        def look(x: Any) -> Any:
            if number in tape.replace:
                given = jax.numpy.asarray(np.asarray(tape.replace[number]).reshape(x.shape), x.dtype)
                x = tape.put(number, given, x)
            if tape.prints or tape.wanted is None or number in tape.wanted:
                tape.step(number, name, here.where, parents, _array(jax, x), scope=here.scope, loop=here.loop,
                          quiet=here.quiet)
            return x

        def back(_: Any, cotangent: Any) -> Any:
            tape.cotangent(number, signed(_array(jax, cotangent), -1))
            return cotangent, jax.numpy.zeros_like(self.token)

        if self.token is None or here.quiet:
            return look(x)
        through = jax.custom_vjp(lambda x, token: look(x))
        through.defvjp(lambda x, token: (look(x), None), back)
        return through(x, self.token)

    def _rule(self, eqn: Any, inner: Any, args: list[Any], ids: list[Any], here: Site) -> tuple[list[Any], list[Any]]:
        """A function with a rule of its own: what it computes inside, then its results, differentiated by the rule.

        The equations that give the results are not steps of their own: the results are.
        """
        before = self.tape.count
        opened, numbers = self.run(inner, self.primals(args), ids, here.at(quiet=True))
        inside = range(before, self.tape.count)
        results = self._bound(eqn.primitive, eqn.params, args)
        if any(i in self.tape.replace for i in inside):
            results = [self._put(x, given) for x, given in zip(results, opened, strict=True)]
        name = str(eqn.params.get("name") or getattr(eqn.params.get("call_jaxpr"), "name", "")) or eqn.primitive.name
        doubled = {i for i in numbers if i is not None and i in inside}
        return self._noted(name, results, [*ids, *(set(numbers) - doubled), *self.tape.drop(doubled)], here)

    def _put(self, x: Any, given: Any) -> Any:
        """`given` in the place of x; cotangents pass."""
        if not self.jax.numpy.issubdtype(x.dtype, self.jax.numpy.inexact):
            return given
        put = self.jax.custom_vjp(lambda x: given)
        put.defvjp(lambda x: (given, None), lambda _, g: (g,))
        return put(x)

    # -- loops ---------------------------------------------------------------------------------------------------------

    def _scan(self, eqn: Any, args: list[Any], ids: list[Any], here: Site) -> tuple[list[Any], list[Any]]:
        params = eqn.params
        first, count, length = params["num_consts"], params["num_carry"], params["length"]
        consts, xs = args[:first], args[first + count :]
        carry, at = args[first : first + count], ids[first : first + count]
        pieces, known = [], []
        for start, stop, opened in _pieces(length):
            low, high = (length - stop, length - start) if params["reverse"] else (start, stop)
            if opened:
                got, which = self.run(params["jaxpr"], [*consts, *carry, *(x[low] for x in xs)],
                                      [*ids[:first], *at, *ids[first + count :]], here.at(loop=(*here.loop, low)))
                pieces.append([y[None] for y in got[count:]])
            else:
                got = _bind(eqn.primitive, {**params, "length": stop - start},
                            [*consts, *carry, *(x[low:high] for x in xs)])
                which = [*self._unseen(ids, at, count), *([None] * (len(got) - count))]
                pieces.append(got[count:])
            carry, at = got[:count], which[:count]
            known.append(which[count:])
        if length > ITERATIONS:
            self.tape.note(f"jax: a loop of {length} iterations was recorded at {ITERATIONS} of them")
        pieces, known = (pieces[::-1], known[::-1]) if params["reverse"] else (pieces, known)
        out, numbers = list(carry), list(at)
        for k in range(len(pieces[0])):
            whole = self.jax.numpy.concatenate([piece[k] for piece in pieces])
            more, which = self._noted("scan", [whole], [row[k] for row in known], here)
            out, numbers = out + more, numbers + which
        return out, numbers

    def _unseen(self, ids: Sequence[Any], at: Sequence[Any], count: int) -> list[Any]:
        """The steps that a carry comes from behind iterations that are not recorded: those before, or what goes in."""
        from_inputs = next((i for i in ids if i is not None), None)
        return [i if i is not None else from_inputs for i in at[:count]]

    def _while(self, eqn: Any, args: list[Any], ids: list[Any], here: Site) -> tuple[list[Any], list[Any]]:
        params = eqn.params
        c, b = params["cond_nconsts"], params["body_nconsts"]
        tests, consts, carry, at = args[:c], args[c : c + b], args[c + b :], ids[c + b :]
        quiet = Steps(self.jax, Tape({}, gradients=False, prints=False, wanted=()))
        for k in range(ITERATIONS + 1):
            now = self.primals([*tests, *carry])
            going, _ = quiet.run(params["cond_jaxpr"], now, [None] * len(now), Site())
            if not bool(going[0]):
                return list(carry), list(at)
            if k < ITERATIONS:
                carry, at = self.run(params["body_jaxpr"], [*consts, *carry], [*ids[c : c + b], *at],
                                     here.at(loop=(*here.loop, k)))
        self.tape.note(f"jax: of a while loop the first {ITERATIONS} iterations were recorded")
        held = self.primals([*tests, *consts, *carry])
        return self._noted("while", _bind(eqn.primitive, params, held), [*ids[: c + b], *at], here)


def _pieces(length: int) -> list[tuple[int, int, bool]]:
    """(start, stop, whether its iterations are steps) of the pieces of a loop, in the order of execution."""
    if length <= ITERATIONS:
        return [(k, k + 1, True) for k in range(length)]
    head = ITERATIONS // 2
    gap, out, at = -(-(length - head) // head), [(k, k + 1, True) for k in range(head)], head
    while at < length:  # one of every `gap`, and the last
        stop = min(at + gap, length) - 1
        out += [(at, stop, False)] if stop > at else []
        out.append((stop, stop + 1, True))
        at = stop + 1
    return out


def _last_uses(jaxpr: Any) -> dict[int, list[Any]]:
    """The variables that no equation after the k-th needs."""
    last: dict[Any, int] = {}
    for k, eqn in enumerate(jaxpr.eqns):
        last.update((x, k) for x in eqn.invars if not hasattr(x, "val"))
    for x in jaxpr.outvars:
        if not hasattr(x, "val"):
            last.pop(x, None)
    out: dict[int, list[Any]] = {}
    for x, k in last.items():
        out.setdefault(k, []).append(x)
    return out


def _bind(primitive: Any, params: Mapping[str, Any], args: Sequence[Any]) -> list[Any]:
    """The results of an equation, with the rule of derivative that it has."""
    functions: Any = ()
    if primitive.name in _RULES and hasattr(primitive, "get_bind_params"):
        found = primitive.get_bind_params(params)
        functions, params = found if isinstance(found, tuple) else ((), found)
    results = primitive.bind(*functions, *args, **params)
    return list(results) if primitive.multiple_results else [results]


def line_of(eqn: Any, folders: tuple[str, str]) -> tuple[str, int] | None:
    """The user's own file and line of an equation."""
    trace = getattr(eqn.source_info, "traceback", None)
    return None if trace is None else own_place(((f.file_name, f.line_num) for f in trace.frames), folders)


def _joined(outer: str, eqn: Any) -> str:
    """The name stack of an equation below that of the program that it is in."""
    inner = str(getattr(eqn.source_info, "name_stack", ""))
    return inner if not outer or inner.startswith(outer) else f"{outer}/{inner}" if inner else outer


def _array(jax: Any, x: Any) -> Array:
    """As a NumPy array; bfloat16 and its kin, which NumPy lacks, as float32."""
    array = np.asarray(x)
    return array if array.dtype.kind in "fc" and array.dtype != np.float16 else array.astype(np.float32)


@dataclass(frozen=True)
class Program:
    """The jaxpr of a side's function of some of its leaves (places), and the names of its outputs."""

    closed: Any
    names: list[str]
    places: list[int]
    leaves: Any


def program(side: Any) -> Program:
    """Trace the function of a side at the shapes of its leaves; whole numbers stay numbers."""
    jax = side.jax
    natives = side.natives()
    floating = [k for k, leaf in enumerate(side.leaves) if leaf.array is not None and leaf.array.dtype.kind in "fc"]
    names: list[str] = []

    def traced(places: list[int]) -> Program:
        def function(*arrays: Any) -> list[Any]:
            leaves = list(natives)
            for k, a in zip(places, arrays, strict=True):
                leaves[k] = a
            named = side._traced(side.call(leaves))
            names[:] = [n for n, _ in named]
            return [v for _, v in named]

        closed = jax.make_jaxpr(function)(*[natives[k] for k in places])
        return Program(closed, list(names), places, side.leaves)

    try:
        return traced(floating)
    except jax.errors.ConcretizationTypeError:
        return traced(side._wanted())


def play(side: Any, program: Program, tape: Tape) -> dict[str, Array]:
    """The outputs of a side's function, its steps written on the tape; cotangents of the leaves by negative ids."""
    jax, jnp = side.jax, side.jax.numpy
    names = {leaf.name: tape.replace[-k - 1] for k, leaf in enumerate(side.leaves) if -k - 1 in tape.replace}
    natives = side.natives(names)
    wanted, ids = side._wanted(), [-k - 1 for k in program.places]

    def run(moving: Sequence[Any], token: Any) -> list[Any]:
        given = dict(zip(wanted, moving, strict=True))
        args = [given.get(k, natives[k]) for k in program.places]
        steps = Steps(jax, tape, token)
        found, _ = steps.run(program.closed, args, ids, Site(), steps.constants(program.closed))
        return found

    moving = [natives[k] for k in wanted]
    if not tape.gradients:
        try:
            results = run(moving, None)
        except Enough:
            return {}
        return {n: _known(side, v) for n, v in zip(program.names, results, strict=True)}
    rest: dict[str, Any] = {}

    def active(moving: Sequence[Any], token: Any) -> tuple[list[Any], dict[str, Any]]:
        found = dict(zip(program.names, run(moving, token), strict=True))
        rest.update((n, v) for n, v in found.items() if not side.differentiable(v))
        return [v for n, v in found.items() if n not in rest], dict(rest)

    values, pull, others = jax.vjp(active, moving, jnp.zeros(()), has_aux=True)
    seeds = [jnp.asarray(signed(c, -1), dtype=v.dtype) for v, c in zip(values, side._cotangents, strict=True)]
    gradients, _ = pull(seeds)
    for k, g in zip(wanted, gradients, strict=True):
        tape.cotangents[-k - 1] = signed(_known(side, g), -1)
    flowing = iter(values)
    return {n: _known(side, others[n] if n in others else next(flowing)) for n in program.names}


def _known(side: Any, x: Any) -> Array:
    array: Array = side.as_numpy(x)
    return array
