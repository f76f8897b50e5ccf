"""Functions on torch that were written to be hard to port; adverse_jax.py has a port of each."""
import math

import torch
import torch.nn.functional as F
from torch import nn


def stacked_layers(x, w):
    h = x
    for k in range(w.shape[0]):
        h = torch.tanh(h @ w[k]) + h
    return (h ** 2).sum()


def half_layers(x, w):
    h = x
    for k in range(w.shape[0]):
        h = 0.5 * h + torch.tanh(h @ w[k])
    return (h ** 2).mean()


def rotary_half(x, wq, wk):
    q, k = x @ wq, x @ wk
    n, d = q.shape
    t = torch.arange(n, dtype=x.dtype)[:, None] * 10 ** (-torch.arange(d // 2, dtype=x.dtype) / (d // 2))
    c, s = torch.cat([t.cos(), t.cos()], -1), torch.cat([t.sin(), t.sin()], -1)
    q = q * c + torch.cat([-q[:, d // 2:], q[:, : d // 2]], -1) * s
    k = k * c + torch.cat([-k[:, d // 2:], k[:, : d // 2]], -1) * s
    return torch.softmax(q @ k.T / math.sqrt(d), -1)[:, 0].log().sum()


def ctc(x, w):
    h = x @ w
    p = torch.log_softmax(h, -1)
    labels = torch.tensor([[1, 2, 3], [2, 2, 1]])
    e = F.ctc_loss(p, labels, torch.tensor([8, 8]), torch.tensor([3, 3]), reduction="sum")
    return e


def ctc_mean(x, w):
    h = x @ w
    p = torch.log_softmax(h, -1)
    labels = torch.tensor([[1, 2, 3], [2, 2, 1]])
    e = F.ctc_loss(p, labels, torch.tensor([8, 8]), torch.tensor([3, 3]))
    return torch.log(e)


def gru_stopped(x, h, w, u, bw, bu):
    for k in range(x.shape[0]):
        h = torch.gru_cell(x[k], h, w, u, bw, bu)
    return (torch.sin(h) ** 2).sum()


def normalize_axis(x, w):
    h = torch.tanh(x @ w)
    n = F.normalize(h, dim=-1)
    s = n @ n.T
    return torch.exp(s).sum()


def kl(x, y, w):
    p = torch.log_softmax(x @ w, -1)
    q = torch.softmax(y @ w, -1)
    e = F.kl_div(p, q, reduction="batchmean")
    return {"loss": e, "p": p}


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True, dtype=torch.float64)
        self.head = nn.Linear(4, 2, dtype=torch.float64)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.head(y[:, -1])


def lstm_stack(model, x):
    y = model(x)
    return (y ** 2).sum()


def cross_power(x, y, w):
    a, b = torch.fft.fft(x), torch.fft.fft(y)
    c = a * b.conj()
    r = c / (c.abs() + 0.1)
    z = torch.fft.ifft(r * w)
    return z.real.exp().sum()


def fft2_norm(x, f):
    s = torch.fft.rfft2(torch.tanh(x), norm="ortho")
    s = s * f
    y = torch.fft.irfft2(s, s=x.shape[-2:], norm="ortho")
    return {"power": (s.abs() ** 2).sum(), "y": torch.tanh(y)}


def soft32(q, k, v):
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    a = torch.softmax(s, -1)
    o = torch.tanh(a @ v)
    return (o ** 2).sum()


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 0.5 * g * (1 - torch.tanh(x) ** 2)


def rule_loop(x, w):
    h = x
    for _ in range(3):
        z = h @ w
        h = h + Half.apply(z)
    return (h ** 2).mean()


def scan_rule(x, w):
    h = x
    for _ in range(3):
        z = h @ w
        h = torch.sin(z) * 0.5 + h
    return torch.cos(h).sum()


def centred(x, w, u):
    h = x @ w
    c = h - h.mean(0, keepdim=True).detach()
    y = torch.tanh(c)
    return ((y @ u) ** 2).sum()


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 4, dtype=torch.float64)
        self.mix = nn.Linear(4, 4, dtype=torch.float64)
        self.norm = nn.LayerNorm(4, dtype=torch.float64)

    def forward(self, index):
        h = self.table(index)
        h = self.norm(h + torch.tanh(self.mix(h)))
        return h @ self.table.weight.T / 2.0


def tied(model, index):
    z = model(index)
    return F.cross_entropy(z[:-1], index[1:])


def pool_padding(x, w):
    h = F.conv2d(x, w, padding=1)
    p = F.avg_pool2d(h, 3, stride=1, padding=1)
    return (torch.tanh(p) ** 2).sum()


def shuffled(x, w):
    h = F.conv2d(x, w, padding=1)
    y = F.pixel_shuffle(h, 2)
    d = y[..., 1:] - y[..., :-1]
    return (d ** 2).tanh().sum()


def grouped(x, w):
    y = F.conv1d(torch.tanh(x), w, groups=2, padding=1)
    return (F.elu(y) ** 2).sum()


def upsampled(x, w):
    h = F.conv2d(x, w, padding=1)
    y = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=True)
    return torch.sigmoid(y).sum()


def weighted_loss(x, w, c):
    z = x @ w
    t = torch.tensor([0, 2, 1, 1, 0])
    e = F.cross_entropy(z, t, weight=torch.exp(c))
    return torch.log(e)


def teacher(x, w, u):
    h = torch.tanh(x @ w)
    t = torch.softmax(h @ u / 2.0, -1).detach()
    s = torch.log_softmax(x @ u[:4], -1)
    e = -(t * s).sum(-1)
    return e.mean()


def masked_mean(x, w):
    h = torch.tanh(x @ w)
    m = (torch.arange(h.shape[0]) < 3).to(h.dtype)[:, None]
    p = (h * m).sum(0) / m.sum()
    return torch.exp(p).sum()


def remat_stop(x, w1, w2):
    h = torch.relu(x @ w1)
    g = torch.sigmoid(h @ w2)
    y = h * g
    return (y ** 2).mean()


def newton(a, b):
    m = a @ a.T + torch.eye(4, dtype=a.dtype)
    y = b
    for _ in range(6):
        r = b - m @ y
        y = y + 0.1 * r
    return (y ** 2).sum()


def glu_swapped(x, w):
    h = x @ w
    y = F.glu(h, -1)
    return torch.sin(y).sum()


def bilinear(x, y, w, b):
    z = F.bilinear(x, y, w, b)
    return (torch.tanh(z) ** 2).sum()


def soft_cap(q, k, v):
    s = q @ k.transpose(-1, -2)
    s = 5.0 * torch.tanh(s / 5.0)
    a = torch.softmax(s, -1)
    return ((a @ v) ** 2).sum()


class Wave(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, dtype=torch.complex128))
        self.lin = nn.Linear(8, 3, dtype=torch.float64)

    def forward(self, x):
        s = torch.fft.fft(x) * self.weight
        y = torch.fft.ifft(s)
        return self.lin(y.abs())


def wave(model, x):
    y = model(x)
    return {"a": y.sum(), "b": {"c": torch.tanh(y)}}


# -- controls


def ctl_layers(x, w):
    h = x
    for k in range(w.shape[0]):
        h = torch.tanh(h @ w[k]) + 0.5 * h
    return (h ** 2).sum()


def ctl_rotary(x, w):
    h = x @ w
    n, d = h.shape
    t = torch.arange(n, dtype=x.dtype)[:, None] * 10 ** (-torch.arange(d // 2, dtype=x.dtype) / (d // 2))
    a, b = h[:, : d // 2], h[:, d // 2:]
    y = torch.cat([a * t.cos() - b * t.sin(), b * t.cos() + a * t.sin()], -1)
    return torch.tanh(y).sum()


def ctl_ctc(x, w):
    return ctc(x, w)


def ctl_gru(x, h, w, u, bw, bu):
    return gru_stopped(x, h, w, u, bw, bu)


def ctl_shuffle(x, w):
    return shuffled(x, w)


def ctl_pool(x, w):
    return pool_padding(x, w)


def ctl_cross(x, y, w):
    return cross_power(x, y, w)


def ctl_up(x, w):
    return upsampled(x, w)


def ctl_kl(x, y, w):
    return kl(x, y, w)


def ctl_max(x, w):
    return torch.softmax(x @ w, -1)[:, 0].log().sum()


def ctl_solve(a, b):
    m = a @ a.T + torch.eye(4, dtype=a.dtype)
    return (torch.linalg.solve(m, b) ** 2).sum()


def ctl_lstm(model, x):
    return lstm_stack(model, x)


def ctl_newton(a, b):
    return newton(a, b)
