"""Convolution and batch normalisation in training, with the statistics that both update, in Flax linen."""

import flax.linen as nn
import jax
import numpy as np
import torch

x = np.random.default_rng(0).standard_normal((2, 2, 6, 5))
model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3))
norm = nn.BatchNorm(use_running_average=False, momentum=0.9, param_dtype=float)
net = nn.Sequential([nn.Conv(3, (3, 3), padding=1, param_dtype=float), norm])
torch_inputs = model, x
start = net.init(jax.random.key(0), x.transpose(0, 2, 3, 1))
jax_inputs = jax.tree.map(lambda a: a.astype(float), start), x


def torch_side(model, x):
    y = model(x)
    return {"y": y, "mean": model[1].running_mean, "var": model[1].running_var}


def jax_side(variables, x):
    y, new = net.apply(variables, x.transpose(0, 2, 3, 1), mutable=["batch_stats"])
    stats, old = new["batch_stats"]["layers_1"], variables["batch_stats"]["layers_1"]
    var = 0.9 * old["var"] + (stats["var"] - 0.9 * old["var"]) * 60 / 59
    return {"y": y.transpose(0, 3, 1, 2), "mean": stats["mean"], "var": var}
