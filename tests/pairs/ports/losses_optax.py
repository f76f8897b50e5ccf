"""Losses of torch and of optax in one dict: reductions, orders of arguments and factors are not the same."""

import jax
import numpy as np
import optax
import torch.nn.functional as F

rng = np.random.default_rng(0)
data = {"x": rng.standard_normal((5, 4)), "y": rng.standard_normal((5, 4)), "label": np.array([3, 0, 1, 1, 2])}
torch_inputs = jax_inputs = (data,)


def torch_side(d):
    smooth = F.huber_loss(d["x"], d["y"], delta=0.5)
    squared = F.mse_loss(d["x"], d["y"])
    cross = F.cross_entropy(d["x"], d["label"], label_smoothing=0.1)
    divergence = F.kl_div(F.log_softmax(d["x"], -1), F.softmax(d["y"], -1), reduction="batchmean")
    return {"smooth": smooth, "squared": squared, "cross": cross, "divergence": divergence}


def jax_side(d):
    smooth = optax.huber_loss(d["x"], d["y"], delta=0.5).mean()
    squared = optax.squared_error(d["x"], d["y"]).mean()
    cross = optax.softmax_cross_entropy(d["x"], optax.smooth_labels(jax.nn.one_hot(d["label"], 4), 0.1)).mean()
    divergence = optax.kl_divergence(jax.nn.log_softmax(d["x"]), jax.nn.softmax(d["y"])).mean()
    return {"smooth": smooth, "squared": squared, "cross": cross, "divergence": divergence}
