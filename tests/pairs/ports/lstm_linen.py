"""torch.nn.LSTM as an RNN of Flax linen: a kernel a gate, and one bias where torch has two."""

import flax.linen as nn
import jax
import numpy as np
import torch

x = np.random.default_rng(0).standard_normal((2, 5, 3))
lstm = torch.nn.LSTM(3, 4, batch_first=True)
rnn = nn.RNN(nn.OptimizedLSTMCell(4, param_dtype=float))
torch_inputs = lstm, x
jax_inputs = rnn.init(jax.random.key(0), x), x
rows = {gate: f"[{4 * k}:{4 * k + 4}]" for k, gate in enumerate("ifgo")}
mapping = {f"model.weight_{k}h_l0{rows[g]}": {"name": f"params.params.cell.{k}{g}.kernel", "transpose": True}
           for k in "ih" for g in "ifgo"}
mapping |= {f"model.bias_ih_l0{rows[g]} + model.bias_hh_l0{rows[g]}": f"params.params.cell.h{g}.bias" for g in "ifgo"}


def torch_side(model, x):
    hidden, _ = model(x)
    return hidden.tanh()


def jax_side(params, x):
    hidden = rnn.apply(params, x)
    return jax.numpy.tanh(hidden)
