"""A convolutional network of torch in Keras 3 on JAX: channels last, an epsilon and a momentum of its own."""

import os

import numpy as np
import torch

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras

x = np.random.default_rng(0).standard_normal((2, 2, 6, 5)).astype("float32")
norm = torch.nn.BatchNorm2d(3, eps=1e-3)
model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1), norm, torch.nn.Flatten(), torch.nn.Linear(90, 4))
parts = [keras.Input((6, 5, 2)), keras.layers.Conv2D(3, 3, padding="same"), keras.layers.BatchNormalization()]
net = keras.Sequential([*parts, keras.layers.Permute((3, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(4)])
torch_inputs = model.float().eval(), x
jax_inputs = {v.path: v.value for v in net.variables}, x


def torch_side(model, x):
    h = model(x)
    return torch.tanh(h)


def jax_side(weights, x):
    values = [[weights[v.path] for v in some] for some in (net.trainable_variables, net.non_trainable_variables)]
    h, _ = net.stateless_call(*values, x.transpose(0, 2, 3, 1))
    return jax.numpy.tanh(h)
