"""torch.func (the `functorch` package on torch 1.13): composable transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from harness.backends.loop import Call
from harness.backends.rows import ResultRefused
from harness.backends.site import Site
from harness.backends.third import composed, directions
from harness.backends.torch.shared import TorchBackend
from harness.backends.torch.sweep import FuncSweep
from harness.formats import holder
from harness.wirtinger import Api, Array


class TorchFunc(TorchBackend):
    """Pullbacks by `torch.func.vjp`, pushforwards by `torch.func.jvp`."""

    name = "torch.func"
    apis = (
        Api("grad", "gradient", "gradient"),
        Api("vjp", "vjp", "pullback"),
        Api("jvp", "jvp", "pushforward"),
        Api("linearize", "linearize", "pushforward"),
        Api("jacrev", "jacobian-reverse", "jacobian-reverse"),
        Api("jacfwd", "jacobian-forward", "jacobian-forward"),
        Api("vmap(grad)", "vmap(grad)", "batched-gradient"),
        Api("hessian", "hessian", "hessian"),
    )

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        if hasattr(self.torch, "func"):
            self.func: Any = self.torch.func
        else:
            import functorch

            self.func = functorch

    def versions(self) -> Mapping[str, str]:
        found = dict(super().versions())
        if self.func.__name__ == "functorch":
            found["functorch"] = str(getattr(self.func, "__version__", "unknown"))
        return found

    # -- the differential ------------------------------------------------------------------------------------------

    def sweep(
        self, call: Callable[..., Any], points: Array, dtype: str = ""
    ) -> Mapping[str, Callable[[], Array]]:
        """See `Backend.sweep`."""
        return FuncSweep(self, call, points, dtype).parts()

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        return self.pulled(site, site.output(output), cotangents)

    def pulled(self, site: Site, f: Callable[..., Any], cotangents: Array) -> list[Array]:
        """Pullbacks of a function of the differentiated leaves, as the mode has it."""
        compiler, vjp = self.compiler(site.task), self.func.vjp
        if compiler is not None:
            # torch.compile does nothing inside a transform: the whole transform is compiled.
            pull = compiler.compiled(lambda c, *inputs: vjp(f, *inputs)[1](c))
            rows = [pull(c, *site.moving) for c in self.stacked(cotangents, site.task.device)]
            return self.gather(rows, self.input_like(site))
        _, back = vjp(f, *site.moving)
        if site.task.mode == "vmap" and len(cotangents):
            return self.batched(self.vmap(back)(self.vector(cotangents, site)), len(cotangents), self.input_like(site))
        rows = [back(c) for c in self.stacked(cotangents, site.task.device)]
        return self.gather(rows, self.input_like(site))

    def pushed(self, site: Site, f: Callable[[Any], tuple[Any, ...]], leaf: Any, tangents: Array) -> list[Any]:
        """Pushforwards along each tangent, as the mode has it; K tuples of tensors."""
        compiler, jvp = self.compiler(site.task), self.func.jvp
        if site.task.mode == "vmap" and len(tangents):
            batch = self.vmap(lambda t: jvp(f, (leaf,), (t,))[1])(self.vector(tangents, site))
            return list(zip(*(entry.unbind(0) for entry in batch), strict=True))
        push: Any = lambda x, t: jvp(f, (x,), (t,))[1]  # noqa: E731
        if compiler is not None:
            push = compiler.compiled(push)
        return [push(leaf, t) for t in self.stacked(tangents, site.task.device)]

    def push(self, site: Site, number: int, tangents: Array) -> list[Array]:
        rows = self.pushed(site, site.along(number), site.moving[number], tangents)
        found = []
        for o, like in enumerate(zip(site.output_shapes, site.output_dtypes, strict=True)):
            if site.differentiable(o):
                found += self.gather([(entry[o],) for entry in rows], [like])
            else:
                found.append(np.zeros((0, *like[0]), dtype=holder(like[1])))
        return found

    # -- native APIs -----------------------------------------------------------------------------------------------

    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        compiler = self.compiler(site.task)
        for names, call in self.calls(site, api, output):
            yield names, call if compiler is None else compiler.compiled(call)

    def calls(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        """The calls of one API as users write them, nothing compiled."""
        func, name, names, inputs = self.func, api.name, tuple(site.names), site.moving
        numbers: Any = 0 if len(names) == 1 else tuple(range(len(names)))
        f, loss = site.output(output), site.loss(output)
        if not hasattr(func, "vmap" if name == "vmap(grad)" else name):
            yield names, self.absent(name)
        elif name == "grad":
            yield names, lambda: func.grad(loss, argnums=numbers)(*inputs)
        elif name == "vmap(grad)":
            batch = [self.torch.stack([leaf, leaf]) for leaf in inputs]
            yield names, lambda: func.vmap(func.grad(loss, argnums=numbers))(*batch)
        elif name == "vjp":
            yield names, lambda: self.vjp(f, inputs, self.vector(site.generic_cotangent(output), site))
        elif api.kind == "pushforward":
            call = self.jvp if name == "jvp" else self.linearize
            for k, leaf in enumerate(inputs):
                tangent = self.vector(site.generic_tangent(k), site)
                yield (names[k],), partial(call, site.output_along(k, output), leaf, tangent)
        elif name == "hessian":
            yield (names if len(names) == 1 else ()), lambda: func.hessian(loss, argnums=numbers)(*inputs)
        else:
            transform = func.jacrev if name == "jacrev" else func.jacfwd
            yield names, lambda: transform(f, argnums=numbers)(*inputs)

    def absent(self, name: str) -> Callable[[], Any]:
        """A call that says that this release lacks the API."""
        def decline() -> Any:
            raise ResultRefused(f"this release has no {self.func.__name__}.{name}")

        return decline

    def vjp(self, f: Callable[..., Any], inputs: list[Any], cotangent: Any) -> Any:
        """`torch.func.vjp` with respect to every input at once."""
        found = self.func.vjp(f, *inputs)[1](cotangent)
        return found[0] if len(inputs) == 1 else found

    def jvp(self, f: Callable[[Any], Any], leaf: Any, tangent: Any) -> Any:
        """`torch.func.jvp` along one input."""
        return self.func.jvp(f, (leaf,), (tangent,))[1]

    def linearize(self, f: Callable[[Any], Any], leaf: Any, tangent: Any) -> Any:
        """`torch.func.linearize` along one input; it traces the tangent map anew at every point (tens of ms)."""
        return self.func.linearize(f, leaf)[1](tangent)

    # -- second order ----------------------------------------------------------------------------------------------

    def gradient(self, site: Site, output: int) -> Callable[..., tuple[Any, ...]]:
        """The gradient of the loss with respect to every differentiated input."""
        numbers = tuple(range(len(site.names)))
        found: Callable[..., tuple[Any, ...]] = self.func.grad(site.loss(output), argnums=numbers)
        return found

    def hessian_columns(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        gradient, inputs = self.gradient(site, output), site.moving

        def along(x: Any) -> tuple[Any, ...]:
            return gradient(*inputs[:number], x, *inputs[number + 1 :])

        return self.gather(self.pushed(site, along, inputs[number], tangents), self.input_like(site))

    def hessian_mixed(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        func, loss, compiler = self.func, site.loss(output), self.compiler(site.task)
        numbers = tuple(range(len(site.names)))

        def gradient(t: Any, *inputs: Any) -> Any:
            def pushed(*x: Any) -> Any:
                return func.jvp(lambda y: loss(*x[:number], y, *x[number + 1 :]), (x[number],), (t,))[1]

            return func.grad(pushed, argnums=numbers)(*inputs)

        call = gradient if compiler is None else compiler.compiled(gradient)
        rows = [call(t, *site.moving) for t in self.stacked(tangents, site.task.device)]
        return self.gather(rows, self.input_like(site))

    def hessian_nested(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        """As `jacfwd(jacfwd(loss))`, both batched: a pair of tangents at a time costs ten times as much. What does not
        batch goes pair by pair, but for the mode that asks for batches."""
        torch, found = self.torch, []
        for k in range(len(site.names)):
            basis = site.input_tangents(k)
            if not len(tangents) or not len(basis):
                found.append(np.zeros((len(tangents), len(basis))))
                continue
            if self.compiler(site.task) is None:
                try:
                    found.append(self.numpy(self._nested_batch(site, output, number, k, tangents, basis)))
                    continue
                except Exception:
                    if site.task.mode == "vmap":
                        raise
            call = self._nested(site, output, number, k)
            pairs = [[call(s, t, *site.moving) for t in self.stacked(basis, site.task.device)]
                     for s in self.stacked(tangents, site.task.device)]
            found.append(self.numpy(torch.stack([torch.stack(row) for row in pairs])))
        return found

    def _nested(self, site: Site, output: int, number: int, k: int) -> Callable[..., Any]:
        """(s, t, inputs) -> the loss differentiated by the input `number` along s, then by the k-th along t."""
        func, loss, compiler = self.func, site.loss(output), self.compiler(site.task)

        def nested(s: Any, t: Any, *inputs: Any) -> Any:
            def pushed(y: Any) -> Any:
                point = [*inputs[:k], y, *inputs[k + 1 :]]
                return func.jvp(lambda x: loss(*point[:number], x, *point[number + 1 :]), (point[number],), (s,))[1]

            return func.jvp(pushed, (inputs[k],), (t,))[1]

        return nested if compiler is None else compiler.compiled(nested)

    def _nested_batch(
        self, site: Site, output: int, number: int, k: int, tangents: Array, basis: Array
    ) -> Any:
        """The same along every pair, (tangents, basis)."""
        func, loss, inputs = self.func, site.loss(output), list(site.moving)
        inner, outer = self.vector(tangents, site), self.vector(basis, site)

        def pushed(y: Any) -> Any:
            point = [*inputs[:k], y, *inputs[k + 1 :]]
            along = lambda x: loss(*point[:number], x, *point[number + 1 :])  # noqa: E731
            return self.vmap(lambda s: func.jvp(along, (point[number],), (s,))[1])(inner)

        return self.vmap(lambda t: func.jvp(pushed, (inputs[k],), (t,))[1])(outer).transpose(0, 1)

    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        gradient = self.gradient(site, output)
        return self.pulled(site, lambda *x: gradient(*x)[number], cotangents)

    # -- third order -----------------------------------------------------------------------------------------------

    def third_along(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        compiler = self.compiler(site.task)
        vectors = [self.stacked(v, site.task.device) for v in directions(site, api, slots)]

        def along(inputs: list[Any], given: tuple[Any, ...]) -> Any:
            return composed(_Calculus(self.func, len(inputs)), site.loss(output), api, slots, given)(*inputs)

        call = along if compiler is None else compiler.compiled(along)
        return self.numpy(self.torch.stack([call(site.moving, given) for given in zip(*vectors, strict=True)]))


class _Calculus:
    """torch.func's transforms, as `harness.backends.third` composes them."""

    def __init__(self, func: Any, count: int) -> None:
        self.func, self.numbers = func, tuple(range(count))

    def gradient(self, f: Callable[..., Any]) -> Callable[..., Any]:
        found: Callable[..., Any] = self.func.grad(f, argnums=self.numbers)
        return found

    def pulled(self, f: Callable[..., Any], slot: int, cotangent: Any) -> Callable[..., Any]:
        return lambda *x: self.func.vjp(lambda *y: f(*y)[slot], *x)[1](cotangent)

    def pushed(self, f: Callable[..., Any], slot: int, tangent: Any) -> Callable[..., Any]:
        return lambda *x: self.func.jvp(lambda y: f(*x[:slot], y, *x[slot + 1 :]), (x[slot],), (tangent,))[1]
