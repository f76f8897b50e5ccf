"""Rotary embeddings of rotary-embedding-torch, which turns neighbours, and of Equinox, which turns halves."""

import equinox as eqx
import jax
import numpy as np
import torch
from rotary_embedding_torch import RotaryEmbedding

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = tuple(rng.standard_normal((2, 5, 8)) for _ in "qk")
rotary = RotaryEmbedding(8, freqs_for="constant", num_freqs=4)
rotary.freqs.data = 10000.0 ** -(torch.arange(0, 8, 2) / 8)
turn = eqx.nn.RotaryPositionalEmbedding(8)
halves = [0, 2, 4, 6, 1, 3, 5, 7]


def torch_side(q, k):
    q = rotary.rotate_queries_or_keys(q)
    k = rotary.rotate_queries_or_keys(k)
    return torch.softmax(q @ k.mT, -1)


def jax_side(q, k):
    q = jax.vmap(turn)(q[..., halves])
    k = jax.vmap(turn)(k[..., halves])
    return jax.nn.softmax(q @ k.mT, -1)
