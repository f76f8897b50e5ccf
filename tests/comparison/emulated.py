"""Two frameworks in NumPy, forward and reverse, with rules of their own: what they return is faithful, or wrong in one
operation on purpose. They share no code with the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd
from scipy import special

from harness.comparison import compare_tables
from harness.formats import DTYPES, holder
from harness.model import Case, Input, Point
from harness.reference.function import Compiled
from harness.reference.solution import solve
from tests.comparison.build import Table, header

Floats = np.ndarray[Any, np.dtype[Any]]


class Node:
    """An array of a program: its value and, for each operand, the dense local derivative in the working precision."""

    def __init__(self, program: Program, value: Any, parents: tuple[tuple[Node, Floats], ...] = ()) -> None:
        self.program, self.value, self.parents = program, np.asarray(value, program.real), parents
        program.nodes.append(self)

    def __add__(self, other: Any) -> Node:
        return self.program.binary("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return self.program.binary("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return self.program.binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self.program.binary("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return self.program.binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return self.program.binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return self.program.binary("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return self.program.binary("divide", other, self)

    def __neg__(self) -> Node:
        return self.program.binary("subtract", 0.0, self)

    def __pow__(self, power: float) -> Node:
        x, p = self.value, self.program.real(power)
        return self.program.made("power", x**p, (self, np.diag(np.ravel(p * x ** (p - 1)))))

    def __matmul__(self, other: Node) -> Node:
        return self.program.made("matmul", self.value @ other.value, (self, other.value.reshape(1, -1)),
                                 (other, self.value.reshape(1, -1)))

    def __getitem__(self, key: Any) -> Node:
        local = np.eye(self.value.size, dtype=self.program.real)[np.arange(self.value.size)[key].reshape(-1)]
        return Node(self.program, self.value[key], ((self, local),))


#: name -> (value, derivative), elementwise, of a NumPy array in its own precision.
ELEMENTWISE: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (np.sin, np.cos), "cos": (np.cos, lambda x: -np.sin(x)), "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x), "sqrt": (np.sqrt, lambda x: 1 / (2 * np.sqrt(x))),
    "tan": (np.tan, lambda x: 1 + np.tan(x) ** 2), "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "sinh": (np.sinh, np.cosh), "cosh": (np.cosh, np.sinh), "square": (np.square, lambda x: x + x),
    "tanh": (np.tanh, lambda x: (1 - np.tanh(x)) * (1 + np.tanh(x))), "expm1": (np.expm1, np.exp),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)), "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(x * x + 1)),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "erf": (special.erf, lambda x: np.exp(-x * x) * np.asarray(2 / np.sqrt(np.pi), x.dtype)),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
    "reciprocal": (np.reciprocal, lambda x: -1 / x / x),
}


class Program:
    """A text evaluated in a precision; `wrong` is (operation, what its local derivative is multiplied by)."""

    def __init__(self, real: type, wrong: tuple[str, float] = ("", 1.0)) -> None:
        self.real, self.wrong, self.nodes = real, wrong, list[Node]()

    def made(self, name: str, value: Any, *parents: tuple[Any, Floats]) -> Node:
        by = self.real(self.wrong[1] if name == self.wrong[0] else 1.0)
        return Node(self, value, tuple((p, np.asarray(local, self.real) * by) for p, local in parents
                                       if isinstance(p, Node)))

    def binary(self, name: str, a: Any, b: Any) -> Node:
        x, y = (v.value if isinstance(v, Node) else self.real(v) for v in (a, b))
        slopes = {
            "add": (1, 1), "subtract": (1, -1), "multiply": (y, x), "divide": (1 / y, -(x / y) / y),
        }[name]
        value = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}[name](x, y)
        parents = []
        for v, slope in zip((a, b), slopes, strict=True):
            own = np.asarray(v.value if isinstance(v, Node) else v)
            wide = np.broadcast_to(np.asarray(slope, self.real), value.shape).ravel()
            local = np.zeros((value.size, own.size), self.real)
            local[np.arange(value.size), np.broadcast_to(np.arange(own.size).reshape(own.shape), value.shape).ravel()] \
                = wide
            parents.append((v, local))
        return self.made(name, value, *parents)

    def namespace(self) -> dict[str, Any]:
        def elementwise(name: str) -> Callable[[Node], Node]:
            value, slope = ELEMENTWISE[name]
            return lambda x: self.made(name, value(x.value), (x, np.diag(np.ravel(slope(x.value)))))

        def softmax(x: Node) -> Node:
            e = np.exp(x.value - x.value.max())
            s = e / e.sum()
            return self.made("softmax", s, (x, np.diag(s) - np.outer(s, s)))

        def log_softmax(x: Node) -> Node:
            y = x.value - x.value.max()
            s = np.exp(y) / np.exp(y).sum()
            return self.made("log_softmax", y - np.log(np.exp(y).sum()), (x, np.eye(s.size) - s[None, :]))

        def logsumexp(x: Node) -> Node:
            top = x.value.max()
            total = np.exp(x.value - top).sum()
            return self.made("logsumexp", top + np.log(total), (x, (np.exp(x.value - top) / total)[None, :]))

        def norm(x: Node) -> Node:
            size = np.sqrt((x.value * x.value).sum())
            return self.made("norm", size, (x, (x.value / size)[None, :]))

        def total(x: Node) -> Node:
            return self.made("sum", x.value.sum(), (x, np.ones((1, x.value.size))))

        def mean(x: Node) -> Node:
            return self.made("mean", x.value.mean(), (x, np.full((1, x.value.size), 1 / x.value.size)))

        return {name: elementwise(name) for name in ELEMENTWISE} | {
            "softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp, "norm": norm, "sum": total,
            "mean": mean, "pi": np.pi}

    def evaluate(self, text: str, inputs: Mapping[str, Any], forward: bool) -> tuple[Floats, dict[str, Floats]]:
        """The value, and J (m, n) by every input."""
        with np.errstate(all="ignore"):
            leaves = {name: Node(self, x) for name, x in inputs.items()}
            out: Node = eval(text, {"__builtins__": {}}, self.namespace() | leaves)  # a text of the tests' own
            j = _pushed if forward else _pulled
            return out.value, {name: j(self, leaf, out) for name, leaf in leaves.items()}


def _pushed(program: Program, leaf: Node, out: Node) -> Floats:
    tangents = {id(leaf): np.eye(leaf.value.size, dtype=program.real)}
    for node in program.nodes:
        for parent, local in node.parents:
            if id(parent) in tangents:
                more = local @ tangents[id(parent)]
                tangents[id(node)] = tangents[id(node)] + more if id(node) in tangents else more
    return tangents.get(id(out), np.zeros((out.value.size, leaf.value.size)))


def _pulled(program: Program, leaf: Node, out: Node) -> Floats:
    cotangents = {id(out): np.eye(out.value.size, dtype=program.real)}
    for node in reversed(program.nodes):
        if id(node) not in cotangents:
            continue
        for parent, local in node.parents:
            more = cotangents[id(node)] @ local
            cotangents[id(parent)] = cotangents[id(parent)] + more if id(parent) in cotangents else more
    return cotangents.get(id(leaf), np.zeros((out.value.size, leaf.value.size)))


def compared(
    texts: Mapping[str, tuple[str, Mapping[str, Any]]], *, single: bool = False, dtype: str = "",
    wrong: Mapping[str, tuple[str, float]] | None = None, fused: bool = False,
) -> pd.DataFrame:
    """The comparison of both emulated frameworks and the reference: name -> (text, inputs), real arrays.

    wrong: name -> the mistake of the reverse one ("torch.func"); the forward one ("jax") is faithful. dtype: "float64",
    or "float32" where single, unless it is given. fused: whether the forward one computes in single precision inside,
    literals too, and rounds its results alone, as a compiler may.
    """
    dtype = dtype or ("float32" if single else "float64")
    real = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype).type
    table, cases = Table(), []
    for name, (text, given) in texts.items():
        arrays = {k: np.asarray(v, np.float64) for k, v in given.items()}
        inputs = tuple(Input(k, "real", a.shape) for k, a in arrays.items())
        cases.append(Case(name, {"portable": text}, inputs, (Point("p", arrays),), (dtype,)))
        for backend, forward, mistake in (
            ("torch.func", False, (wrong or {}).get(name, ("", 1.0))), ("jax", True, ("", 1.0)),
        ):
            held = {k: a.astype(real) for k, a in arrays.items()}
            inner = np.float32 if fused and forward else real
            held = {k: a.astype(inner) for k, a in held.items()}
            value, slopes = Program(inner, mistake).evaluate(text, held, forward)
            table.add(backend, "value", value.astype(real).astype(holder(dtype)), case=name, dtype=dtype)
            for k, j in slopes.items():
                table.add(backend, "differential", j.astype(real).astype(holder(dtype)), api="pullback", case=name,
                          dtype=dtype, input=k)
        exact = {k: a.astype(real).astype(np.float64) for k, a in arrays.items()}
        _referee(table, name, text, inputs, exact, dtype)
    names = ("torch.func", "jax", "reference")
    frame = pd.DataFrame(compare_tables([table.frame()], [header(*names)], [cases], "backend"))
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            frame[column] = frame[column].astype(object)
    return frame


def _referee(
    table: Table, name: str, text: str, inputs: tuple[Input, ...], arrays: Mapping[str, Any], dtype: str,
) -> None:
    s = solve(Compiled(text, inputs), arrays, form=DTYPES[dtype])
    table.add("reference", "value", s.values[0], api="reference", case=name, dtype=dtype)
    at = 0
    for i in inputs:
        own = slice(at, at + int(np.prod(i.shape, dtype=int)))
        at = own.stop
        for quantity, data in (("differential", s.j), ("bound", s.bound), ("class", s.kind)):
            table.add("reference", quantity, data[:, own], api="reference", case=name, dtype=dtype, input=i.name)
        if s.stability is not None:
            table.add("reference", "stability", s.stability[:, own], api="reference", case=name, dtype=dtype,
                      input=i.name)

