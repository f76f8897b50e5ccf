"""torch.autograd: `backward()`, `autograd.grad`, `autograd.functional` and forward-mode dual numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from harness.backends.loop import Call
from harness.backends.rows import Rows
from harness.backends.site import Site
from harness.backends.third import composed, directions
from harness.backends.torch.shared import TorchBackend
from harness.backends.torch.sweep import AutogradSweep
from harness.expr.calling import Function
from harness.model import Observation, Task
from harness.wirtinger import Api, Array


class TorchAutograd(TorchBackend):
    """The tape: pullbacks by `torch.autograd.grad`, pushforwards by dual numbers."""

    name = "torch.autograd"
    apis = (
        Api("backward", "gradient", "gradient"),
        Api("grad", "gradient", "gradient"),
        Api("functional.vjp", "vjp", "pullback"),
        Api("functional.jvp", "jvp", "pushforward"),
        Api("forward_ad", "jvp", "pushforward"),
        Api("functional.jacobian", "jacobian-reverse", "jacobian-reverse"),
        Api("functional.jacobian[forward-mode]", "jacobian-forward", "jacobian-forward"),
        Api("functional.hessian", "hessian", "hessian"),
        Api("functional.hvp", "hvp", "hessian-vector"),
        Api("functional.vhp", "vhp", "hessian-vector"),
    )

    def taped(self, site: Site) -> list[Any]:
        """The differentiated leaves, recorded on the tape from here on (the same memory and layout)."""
        return [leaf.detach().requires_grad_() for leaf in site.moving]

    # -- the differential ------------------------------------------------------------------------------------------

    def compiled(self, task: Task, rows: Rows) -> tuple[Function | None, list[Observation]]:
        """Under torch.compile the function itself is compiled, and differentiated as a module would be."""
        function, failure = super().compiled(task, rows)
        compiler = self.compiler(task)
        if function is not None and compiler is not None:
            function.wrap(compiler.compiled)
        return function, failure

    def sweep(
        self, call: Callable[..., Any], points: Array, dtype: str = ""
    ) -> Mapping[str, Callable[[], Array]]:
        """See `Backend.sweep`."""
        return AutogradSweep(self, call, points, dtype).parts()

    def pull(self, site: Site, output: int, cotangents: Array) -> list[Array]:
        leaves, grad = self.taped(site), self.torch.autograd.grad
        result = site.output(output)(*leaves)
        if site.task.mode == "vmap" and len(cotangents):
            batch = self.vector(cotangents, site)
            found = grad(result, leaves, batch, is_grads_batched=True, allow_unused=True)
            return self.batched(found, len(cotangents), self.input_like(site))
        rows = [
            grad(result, leaves, c, retain_graph=True, allow_unused=True)
            for c in self.stacked(cotangents, site.task.device)
        ]
        return self.gather(rows, self.input_like(site))

    def push(self, site: Site, number: int, tangents: Array) -> list[Array]:
        f, leaf = site.along(number), site.moving[number]
        if site.task.mode == "vmap" and len(tangents):
            return self.push_batch(site, f, leaf, tangents)
        rows = [self.dual(f, leaf, t) for t in self.stacked(tangents, site.task.device)]
        return self.gather(rows, list(zip(site.output_shapes, site.output_dtypes, strict=True)))

    def push_batch(self, site: Site, f: Callable[[Any], tuple[Any, ...]], leaf: Any, tangents: Array) -> list[Array]:
        """Every tangent at once, as `functional.jacobian(strategy="forward-mode", vectorize=True)` does it."""
        forward, torch = self.torch.autograd.forward_ad, self.torch

        def along(tangent: Any) -> tuple[Any, ...]:
            pairs = [forward.unpack_dual(out) for out in f(forward.make_dual(leaf, tangent))]
            return tuple(torch.zeros_like(p) if t is None else t for p, t in pairs)

        with forward.dual_level():
            # functorch's vmap has no rule for dual numbers; torch's own vectorised Jacobian uses this one
            found = self.torch._vmap_internals._vmap(along)(self.vector(tangents, site))
        return self.batched(found, len(tangents), list(zip(site.output_shapes, site.output_dtypes, strict=True)))

    def dual(self, f: Callable[[Any], tuple[Any, ...]], leaf: Any, tangent: Any) -> list[Any]:
        """The tangents of every output of f at the dual number leaf + tangent * epsilon (None: no dependence)."""
        forward = self.torch.autograd.forward_ad
        with forward.dual_level():
            return [forward.unpack_dual(out).tangent for out in f(forward.make_dual(leaf, tangent))]

    # -- native APIs -----------------------------------------------------------------------------------------------

    def native(self, site: Site, api: Api, output: int) -> Iterator[Call]:
        functional: Any = self.torch.autograd.functional
        f, loss = site.output(output), site.loss(output)
        inputs = site.moving[0] if len(site.names) == 1 else tuple(site.moving)
        names, name = tuple(site.names), api.name
        if name == "backward":
            yield names, lambda: self.backward(site, output)
        elif name == "grad":
            yield names, lambda: self.grad(site, output)
        elif name == "functional.vjp":
            yield names, lambda: functional.vjp(f, inputs, self.vector(site.generic_cotangent(output), site))[1]
        elif api.kind == "pushforward":
            call = self.double_backward if name == "functional.jvp" else self.dual_number
            for k, leaf in enumerate(site.moving):
                tangent = self.vector(site.generic_tangent(k), site)
                yield (site.names[k],), partial(call, site.output_along(k, output), leaf, tangent)
        elif name == "functional.jacobian":
            batched = {"vectorize": True} if site.task.mode == "vmap" else {}
            yield names, lambda: functional.jacobian(f, inputs, **batched)
        elif name == "functional.jacobian[forward-mode]":
            yield names, lambda: functional.jacobian(f, inputs, strategy="forward-mode", vectorize=True)
        elif name == "functional.hessian":
            batched = {"vectorize": True} if site.task.mode == "vmap" else {}
            yield (names if len(names) == 1 else ()), lambda: functional.hessian(loss, inputs, **batched)
        else:
            product = functional.hvp if name == "functional.hvp" else functional.vhp
            vectors = tuple(self.vector(site.generic_tangent(k), site) for k in range(len(names)))
            yield names, lambda: product(loss, inputs, vectors[0] if len(names) == 1 else vectors)[1]

    def backward(self, site: Site, output: int) -> Any:
        """`.grad` of each leaf after `backward()` on the loss."""
        leaves = self.taped(site)
        site.loss(output)(*leaves).backward()
        grads = [leaf.grad for leaf in leaves]
        return grads if len(grads) > 1 else grads[0]

    def grad(self, site: Site, output: int) -> Any:
        """`torch.autograd.grad` of the loss; None (torch's own answer) for a leaf it does not depend on."""
        leaves = self.taped(site)
        grads = self.torch.autograd.grad(site.loss(output)(*leaves), leaves, allow_unused=True)
        return grads if len(grads) > 1 else grads[0]

    def double_backward(self, f: Callable[[Any], Any], leaf: Any, tangent: Any) -> Any:
        """`autograd.functional.jvp`, which differentiates a pullback with respect to its cotangent."""
        functional: Any = self.torch.autograd.functional
        return functional.jvp(f, leaf, tangent)[1]

    def dual_number(self, f: Callable[[Any], Any], leaf: Any, tangent: Any) -> Any:
        """The tangent of one output by forward-mode AD."""
        return self.dual(lambda x: (f(x),), leaf, tangent)[0]

    # -- second order ----------------------------------------------------------------------------------------------

    def gradients(self, site: Site, output: int, leaves: list[Any]) -> list[Any]:
        """The gradient of the loss, itself differentiable; a gradient that does not depend on anything is zero."""
        torch = self.torch
        found = torch.autograd.grad(site.loss(output)(*leaves), leaves, create_graph=True, allow_unused=True)
        return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)]

    def hessian_columns(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        forward = self.torch.autograd.forward_ad
        rows = []
        for t in self.stacked(tangents, site.task.device):
            leaves = self.taped(site)
            with forward.dual_level():
                leaves[number] = forward.make_dual(leaves[number], t)
                rows.append([forward.unpack_dual(g).tangent for g in self.gradients(site, output, leaves)])
        return self.gather(rows, self.input_like(site))

    def hessian_mixed(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        forward, grad = self.torch.autograd.forward_ad, self.torch.autograd.grad
        rows = []
        for t in self.stacked(tangents, site.task.device):
            leaves = self.taped(site)
            with forward.dual_level():
                moved = [*leaves[:number], forward.make_dual(leaves[number], t), *leaves[number + 1 :]]
                pushed = forward.unpack_dual(site.loss(output)(*moved)).tangent
                constant = pushed is None or not pushed.requires_grad
                rows.append([None] * len(leaves) if constant else grad(pushed, leaves, allow_unused=True))
        return self.gather(rows, self.input_like(site))

    def hessian_nested(self, site: Site, output: int, number: int, tangents: Array) -> list[Array]:
        """Dual numbers of dual numbers: what no release so far does; it says so itself."""
        forward, loss = self.torch.autograd.forward_ad, site.loss(output)

        def pushed(k: int, s: Any, t: Any) -> Any:
            inputs = list(site.moving)
            with forward.dual_level() as outer:
                inputs[k] = forward.make_dual(inputs[k], t, level=outer)
                with forward.dual_level() as inner:
                    inputs[number] = forward.make_dual(inputs[number], s, level=inner)
                    tangent = forward.unpack_dual(loss(*inputs), level=inner).tangent
                    return None if tangent is None else forward.unpack_dual(tangent, level=outer).tangent

        device, found = site.task.device, []
        like = [((), site.output_dtypes[output])]
        for k in range(len(site.names)):
            basis = self.stacked(site.input_tangents(k), device)
            rows = [self.gather([[pushed(k, s, t)] for t in basis], like)[0] for s in self.stacked(tangents, device)]
            found.append(np.stack(rows) if rows else np.zeros((0, len(basis))))
        return found

    def hessian_rows(self, site: Site, output: int, number: int, cotangents: Array) -> list[Array]:
        leaves, grad = self.taped(site), self.torch.autograd.grad
        gradient = self.gradients(site, output, leaves)[number]
        untaped = not gradient.requires_grad and self.compiler(site.task) is None
        if site.task.mode == "vmap" and len(cotangents) and gradient.requires_grad:
            batch = self.vector(cotangents, site)
            found = grad(gradient, leaves, batch, is_grads_batched=True, allow_unused=True)
            return self.batched(found, len(cotangents), self.input_like(site))
        # a gradient that is constant is not on the tape: torch's way to say that its derivative is zero; a compiled
        # function may have left the tape for other reasons, and then torch speaks for itself
        constant = [None] * len(leaves)
        rows = [
            constant if untaped else grad(gradient, leaves, c, retain_graph=True, allow_unused=True)
            for c in self.stacked(cotangents, site.task.device)
        ]
        return self.gather(rows, self.input_like(site))

    # -- third order -----------------------------------------------------------------------------------------------

    def third_along(self, site: Site, output: int, api: str, slots: tuple[int, int, int]) -> Array:
        vectors = [self.stacked(v, site.task.device) for v in directions(site, api, slots)]
        calculus, found = _Calculus(self.torch), []
        for given in zip(*vectors, strict=True):
            found.append(composed(calculus, site.loss(output), api, slots, given)(*self.taped(site)).detach())
        return self.numpy(self.torch.stack(found))


class _Calculus:
    """The tape and dual numbers, as `harness.backends.third` composes them; what depends on nothing is zero."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.forward = torch, torch.autograd.forward_ad

    def gradient(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *x: self._reverse(f(*x), x, None)

    def pulled(self, f: Callable[..., Any], slot: int, cotangent: Any) -> Callable[..., Any]:
        return lambda *x: self._reverse(f(*x)[slot], x, cotangent)

    def _reverse(self, result: Any, inputs: tuple[Any, ...], cotangent: Any) -> list[Any]:
        zeros = self.torch.zeros_like
        if not result.requires_grad:
            return [zeros(x) for x in inputs]
        grad = self.torch.autograd.grad
        found = grad(result, inputs, cotangent, create_graph=True, allow_unused=True)
        return [zeros(x) if g is None else g for g, x in zip(found, inputs, strict=True)]

    def pushed(self, f: Callable[..., Any], slot: int, tangent: Any) -> Callable[..., Any]:
        forward = self.forward

        def tangent_of(dual: Any) -> Any:
            primal, moved = forward.unpack_dual(dual)
            return self.torch.zeros_like(primal) if moved is None else moved

        def along(*x: Any) -> Any:
            with forward.dual_level():
                out = f(*x[:slot], forward.make_dual(x[slot], tangent), *x[slot + 1 :])
                return [tangent_of(entry) for entry in out] if isinstance(out, list) else tangent_of(out)

        return along
