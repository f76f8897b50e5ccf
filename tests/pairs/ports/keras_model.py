"""One model of Keras 3, which runs on torch and on JAX."""

import keras
import numpy as np

keras.utils.set_random_seed(1)
x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype("float32")
parts = keras.layers.Conv1D(4, 2), keras.layers.GRU(4), keras.layers.Dropout(0.5), keras.layers.Dense(2)
net = keras.Sequential([keras.Input((5, 3)), *parts])
