"""Functions on torch with losses, tables, modules and outputs of many kinds; mixed_jax.py has a port of each."""

import torch
import torch.nn.functional as F
from torch import nn


def inst(x, g):
    h = torch.tanh(x)
    y = F.instance_norm(h) * g[:, None]
    return (y ** 3).sum()


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.v = nn.Parameter(torch.randn(6, 4, dtype=torch.float64))
        self.g = nn.Parameter(torch.rand(6, dtype=torch.float64) + 0.5)

    def forward(self, x):
        w = self.g[:, None] * self.v / self.v.norm(dim=1, keepdim=True)
        return torch.tanh(x @ w.T)


def weight_norm(model, x):
    y = model(x)
    return {"loss": (y ** 2).mean()}


def forget_bias(x, w, u, b):
    h = torch.zeros(x.shape[1], 4, dtype=x.dtype)
    c = torch.zeros_like(h)
    for k in range(x.shape[0]):
        z = x[k] @ w + h @ u + b
        i, f, g, o = z.chunk(4, -1)
        f = torch.sigmoid(f)
        c = f * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return (h ** 2).sum()


def temperature(q, k, s):
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    z = q @ k.T * s.exp()
    return F.cross_entropy(z, torch.arange(z.shape[0]))


def excite(x, w, u):
    s = x.mean((2, 3))
    a = torch.sigmoid(torch.relu(s @ w) @ u)
    y = x * a[:, :, None, None]
    return torch.sin(y).sum()


def strided(x, w):
    y = F.conv1d(x, w, padding=1)
    y = y[..., ::2]
    return (torch.tanh(y) ** 2).sum()


def hermitian(a, x):
    h = 0.5 * (a + a.mH)
    y = h @ x
    return (y.abs() ** 2).log1p().sum()


def framed(x, w):
    f = x.unfold(0, 4, 2)
    f = f * torch.hann_window(4, dtype=x.dtype)
    s = torch.fft.rfft(f)
    p = (s.abs() ** 2 + 0.1).log()
    return (p @ w).sum()


def shifted(x, f):
    s = torch.fft.fftshift(torch.fft.fft(x))
    s = s * f
    y = torch.fft.ifft(torch.fft.ifftshift(s))
    return (y.abs() ** 2 + y.real).sum()


def lse(x, w):
    h = x @ w
    m = torch.logsumexp(h, 0)
    return (m ** 2).sum()


def torch_single(x, w, u):
    h = torch.tanh(x @ w)
    s = torch.softmax(h.float(), -1).double()
    y = s @ u
    return (y ** 2).sum()


def second_rule(x, w, b):
    h = x @ w
    y = h * torch.exp(-b)
    return torch.sin(y).sum()


def carried(x, w):
    h, m = x, torch.zeros_like(x)
    for _ in range(3):
        z = torch.tanh(h @ w)
        m = 0.9 * m + z
        h = h + 0.1 * m
    return (h ** 2).sum()


def table_fixed(x, p, w):
    with torch.no_grad():
        q = torch.sin(p)
    h = x + q
    return (torch.tanh(h @ w) ** 2).sum()


def truncated(x, w):
    h = x
    for k in range(4):
        if k == 2:
            h = h.detach()
        h = torch.tanh(h @ w) + 0.3
    return (h ** 2).sum()


def hard(x, w):
    h = x @ w
    y = F.hardswish(h)
    return (y ** 2).sum()


def beta(x, w):
    h = F.softplus(x @ w, beta=2)
    return torch.log(h).sum()


class Pre(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4, dtype=torch.float64)
        self.up = nn.Linear(4, 8, dtype=torch.float64)
        self.down = nn.Linear(8, 4, dtype=torch.float64)

    def forward(self, x):
        h = self.norm(x)
        h = F.silu(self.up(h))
        h = self.down(h)
        return x + h


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Pre(), Pre(), Pre()])
        self.out = nn.Linear(4, 2, dtype=torch.float64)

    def forward(self, x):
        for b in self.blocks:
            x = b(x)
        return self.out(x)


def deep(model, x):
    y = model(x)
    return (y ** 2).sum(), y


def segments(x, w):
    h = torch.tanh(x @ w)
    index = torch.tensor([0, 1, 0, 2, 1])
    s = torch.zeros(3, h.shape[1], dtype=h.dtype).index_add(0, index, h)
    n = torch.bincount(index)[:, None]
    y = s / n
    return (y ** 2).sum()


def factor(a, x):
    m = a @ a.T + torch.eye(4, dtype=a.dtype)
    c = torch.linalg.cholesky(m)
    y = c @ x
    return torch.sin(y).sum()


def distance(x, y, w):
    d = F.pairwise_distance(x @ w, y @ w, eps=1e-2)
    return torch.exp(-d).sum()


def integral(x):
    h = torch.tanh(x)
    s = torch.trapezoid(h, dx=0.5)
    return (s ** 2).sum()


def two_reduced(x, w, u):
    h = torch.relu(x @ w)
    m = h / h.sum(-1, keepdim=True).clamp(min=0.1)
    y = m @ u
    e = y.abs().mean()
    return e ** 2


def halved(x, w):
    h = torch.sin(x @ w)
    e = (h ** 2).sum()
    return e


def alike_logcosh(x, w):
    h = x @ w
    return torch.log(torch.cosh(h)).sum()


def alike_det(a):
    return torch.linalg.slogdet(a @ a.T + torch.eye(4, dtype=a.dtype))[1]


def alike_im2col(x, w):
    return (F.conv2d(x, w).tanh() ** 2).sum()


def alike_norm(x, g, b):
    return (F.layer_norm(x, (4,), g, b) ** 3).sum()


def alike_heads(q, k, v):
    o = F.scaled_dot_product_attention(q, k, v)
    return torch.sin(o).sum()


def alike_segments(x, w):
    return segments(x, w)


def alike_framed(x, w):
    return framed(x, w)


def alike_tanh(x, w):
    return torch.tanh(x @ w).pow(2).sum()


def alike_reverse(x, w):
    h = torch.tanh(x @ w)
    return (h.flip(0).cumsum(0).flip(0) ** 2).sum()


def alike_deep(model, x):
    return deep(model, x)


def alike_truncated(x, w):
    return truncated(x, w)
