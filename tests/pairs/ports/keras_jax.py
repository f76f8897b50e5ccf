"""The model on JAX, as a function of its weights."""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax

from tests.pairs.ports.keras_model import net, x


def inputs():
    return {v.path: v.value for v in net.trainable_variables}, x


def jax_side(weights, x):
    values = [weights[v.path] for v in net.trainable_variables], [v.value for v in net.non_trainable_variables]
    y, _ = net.stateless_call(*values, x, training=False)
    return jax.numpy.sin(y)
