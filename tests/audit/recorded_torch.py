"""Small programs on torch whose steps, values and cotangents are known in closed form."""

import torch
import torch.nn.functional as F


def chain(w, x):
    h = w * x  # chain: product
    e = torch.exp(h)  # chain: exp
    return (e * e).sum()


def turned(z):
    a = z.conj() * 2j  # turned: product
    return a.real.sum() + 3 * a.imag.sum()


def in_place(x):
    y = x * 2
    y.add_(1)  # in_place: add
    y[0] = 5 * x[1]  # in_place: entry
    return (y * y).sum()


def cut(x):
    h = x * 3  # cut: product
    return (h * h.detach()).sum()


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 7 * g * x


def ruled(x):
    return Cube.apply(x).sum()  # ruled


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return torch.tanh(self.lin(x))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.ModuleList([Block(), Block()])
        self.double()

    def forward(self, x, index):
        for layer in self.layers:
            x = layer(x)
        return {"loss": F.gelu(x)[index].sum(), "pair": (x.max(0)[0], x.mean())}


net = Net()
