"""Functions on torch; ports_jax.py has a port of each, most with a mistake. The tests know the lines by their text."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def gelu(x, w1, w2):
    h = x @ w1
    h = F.gelu(h)
    return ((h @ w2) ** 2).mean()


def variance(x, w):
    h = x @ w
    v = h.var(-1, keepdim=True)
    y = h / torch.sqrt(v + 1e-5)
    return (y ** 3).sum()


def layer_norm_eps(x, g, b, w):
    h = F.layer_norm(x, (x.shape[-1],), g, b, eps=1e-5)
    return torch.tanh(h @ w).sum()


def softmax_axis(q, k, v):
    s = q @ k.transpose(-1, -2)
    a = torch.softmax(s, dim=-1)
    return ((a @ v) ** 2).sum()


def attention_scale(q, k, v):
    d = q.shape[-1]
    s = q @ k.transpose(-1, -2) / math.sqrt(d)
    a = torch.softmax(s, -1)
    return ((a @ v) ** 2).sum()


def mean_sum(x, y):
    e = (x - y) ** 2
    p = e.mean(-1)
    return torch.log1p(p).sum()


def transposed_kernel(x, w, u):
    h = torch.tanh(x @ u)
    y = h @ w
    return torch.sigmoid(y).sum()


def conjugate(x, y):
    s = torch.fft.fft(x)
    c = s.conj()
    p = c * y
    return (p.real ** 2 + p.imag.sin()).sum()


def fft_norm(x, h):
    s = torch.fft.fft(x, norm="ortho")
    p = torch.log1p(s.abs() ** 2)
    return (p * h).sum()


def lstm_gates(x, h, c, w, u):
    z = x @ w + h @ u
    i, f, g, o = z.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(c)).sum()


def conv_padding(x, w, u):
    y = F.conv2d(x, w, stride=2, padding=1)
    y = torch.relu(y)
    return (y.mean((2, 3)) @ u).sum()


def two_values(x, w1, w2):
    h = F.gelu(x @ w1)
    y = torch.tanh(h @ w2)
    p = y.mean(0)
    return (p ** 2).sum()


def two_parallel(x, w1, w2):
    a = F.silu(x @ w1)
    b = torch.log1p((x @ w2) ** 2)
    y = a * b
    return torch.tanh(y).sum()


def loop(x, w):
    h = x
    for _ in range(4):
        h = torch.tanh(h @ w)
        h = h / (1 + h.abs())
    return (h ** 2).sum()


def loop_axis(x, w):
    h = x
    for _ in range(3):
        s = torch.softmax(h @ w, -1)
        h = h + s
    return torch.sin(h).sum()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6, dtype=torch.float64)
        self.norm = nn.LayerNorm(6, eps=1e-5, dtype=torch.float64)
        self.second = nn.Linear(6, 2, dtype=torch.float64)

    def forward(self, x):
        h = self.first(x)
        h = torch.relu(h)
        h = self.norm(h)
        return self.second(h)


def module(model, x):
    y = model(x)
    return (y ** 2).mean()


def single(x, w):
    h = torch.exp(x @ w)
    h = h / h.sum(-1, keepdim=True)
    return (h ** 2).sum()


def leaky(x, w):
    h = F.leaky_relu(x @ w, 0.01)
    y = torch.sin(h)
    return (y * y).sum()


def sign_of_loss(x, y):
    p = torch.log_softmax(x, -1)
    loss = -(p * y).sum(-1)
    return torch.exp(loss).mean()


def residual(x, w1, w2):
    h = torch.tanh(x @ w1)
    y = x + h @ w2
    return torch.cos(y).sum()


def positions(x, w):
    n, d = x.shape
    angle = torch.arange(n, dtype=x.dtype)[:, None] / 10000 ** (torch.arange(d, dtype=x.dtype) / d)
    h = x + torch.sin(angle)
    return torch.tanh(h @ w).sum()


def pooling(x, u):
    y = F.avg_pool1d(x, 2)
    y = torch.tanh(y)
    return (y @ u).sum()


def stopped(x, w):
    h = x @ w
    a = h / (1 + h.abs())
    y = torch.log1p(a ** 2)
    return y.sum()


def detached(x, w, u):
    h = torch.tanh(x @ w)
    t = h.detach()
    y = h * torch.sigmoid(t @ u)
    return (y ** 2).sum()


def no_grad(x, w):
    h = x @ w
    with torch.no_grad():
        m = h.mean(-1, keepdim=True)
    y = torch.tanh(h - m)
    return (y ** 2).sum()


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x ** 2


def custom_rule(x, w):
    h = torch.sin(x @ w)
    y = Cube.apply(h)
    return torch.tanh(y).sum()


def clipped(x, w):
    h = x @ w
    y = torch.sin(h) * 2
    return (y ** 2).sum()


def two_kinds(x, w1, w2):
    h = F.gelu(x @ w1)
    y = torch.tanh(h @ w2)
    g = y / (1 + y.abs())
    return (g ** 2).sum()


def two_gradients(x, w, u):
    h = x @ w
    a = h * torch.sigmoid(h)
    y = a @ u
    b = y * torch.sigmoid(y)
    return (b ** 2).sum()


def loop_stopped(x, w):
    h = x
    for _ in range(3):
        h = torch.tanh(h @ w)
        h = h * torch.cos(h)
    return (h ** 2).sum()


def frozen_weight(x, w, u):
    h = torch.tanh(x @ w)
    y = h @ u.detach()
    return (y ** 2).sum()


# -- the same computed in other ways -----------------------------------------------------------------------------------


def control_softmax(q, k, v):
    a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
    return ((a @ v) ** 2).sum()


def control_norm(x, g, b):
    h = F.layer_norm(x, (x.shape[-1],), g, b)
    return torch.tanh(h).sum()


def control_fft(x, y):
    return (torch.fft.fft(x) * y).abs().sum()


def control_gelu(x, w):
    return (F.gelu(x @ w) ** 2).sum()


def control_abs(x, w):
    s = w @ x
    return torch.log1p(s.real ** 2 + s.imag ** 2).sum()


def control_linear(x, w, b):
    return torch.tanh(F.linear(x, w, b)).sum()


def control_loop(x, w):
    h = x
    for _ in range(4):
        h = torch.tanh(h @ w)
    return (h ** 2).sum()


def control_logsumexp(x):
    return (torch.logsumexp(x, -1) ** 2).sum()


def control_conv(x, w):
    return torch.tanh(F.conv2d(x, w, padding=1)).sum()


def control_heads(x, w):
    b, t, c = x.shape
    h = (x @ w).view(b, t, 2, c // 2).transpose(1, 2)
    s = torch.softmax(h @ h.transpose(-1, -2), -1)
    return ((s @ h) ** 3).sum()


def control_symmetric(x):
    g = x @ x.transpose(-1, -2)
    return torch.tanh(g @ g).sum()


def control_stop(x):
    return (x * torch.sigmoid(x).detach()).sum()


def control_constant(x):
    z = torch.zeros_like(x) + 1
    return torch.tanh(x * z + 0.5 * z).sum()


def control_cross_entropy(x, y):
    return F.cross_entropy(x, y.argmax(-1))
