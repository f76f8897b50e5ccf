"""Connectionist temporal classification: lengths in torch, paddings in optax; time goes first, or batches do."""

import jax
import numpy as np
import optax
import torch

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = (rng.standard_normal((3, 9, 5)),)
labels, many, long = np.array([[1, 2, 2], [3, 1, 0], [4, 0, 0]]), np.array([3, 2, 1]), np.array([9, 8, 6])


def torch_side(logits):
    logp = torch.log_softmax(logits, -1)
    labelled = torch.tensor(labels), torch.tensor(long), torch.tensor(many)
    return torch.nn.functional.ctc_loss(logp.transpose(0, 1), *labelled, reduction="sum")


def jax_side(logits):
    padded = [np.arange(n)[None] >= size[:, None] for n, size in ((9, long), (3, many))]
    losses = optax.ctc_loss(logits, 1.0 * padded[0], labels, 1.0 * padded[1])
    return jax.numpy.sum(losses)
