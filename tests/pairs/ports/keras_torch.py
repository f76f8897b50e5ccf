"""The model on torch."""

import os

os.environ["KERAS_BACKEND"] = "torch"
from tests.pairs.ports.keras_model import net, x


def inputs():
    return net, x


def torch_side(model, x):
    y = model(x, training=False)
    return y.sin()
