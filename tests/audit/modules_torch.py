"""A module of torch as people write one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = torch.tanh(layer(x)) + self.shift
        return x


net = Net()


def loss(params: Any, x: Any) -> Any:
    """The same network as a function of its state dict."""
    return (torch.func.functional_call(net, params, (x,)) ** 2).sum()


def with_module(model: Any, x: Any) -> Any:
    return (model(x) ** 2).sum()


def module_inputs() -> Any:
    return Net(), torch.arange(6.0).reshape(2, 3) / 4


class WithNorm(nn.Module):
    """Has running statistics, which every call updates."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Any) -> Any:
        return (self.norm(x) ** 3).sum()


def descend(model: Any, x: Any) -> None:
    """An optimiser step in place, with an optimiser of torch's."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    optimiser.zero_grad()
    with_module(model, x).backward()
    optimiser.step()
