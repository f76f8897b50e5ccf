"""GPT-2 of transformers, in a configuration of two small layers, and a port in plain JAX of its state."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import dot_product_attention as attend
from transformers import GPT2Config, GPT2Model

ids = np.array([[1, 5, 2, 8], [7, 7, 0, 3]])
sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "n_positions": 6, "vocab_size": 9}
model = GPT2Model(GPT2Config(**sizes, attn_implementation="eager")).eval()
torch_inputs = jax_inputs = model, ids


def torch_side(model, ids):
    hidden = model(ids).last_hidden_state
    return (hidden**2).mean()


@jax.jit
def jax_side(s, ids):
    def norm(s, h):
        return jax.nn.standardize(h, epsilon=1e-5) * s["weight"] + s["bias"]

    def linear(s, h):
        return h @ s["weight"] + s["bias"]

    h = s["wte.weight"][ids] + s["wpe.weight"][: ids.shape[1]]
    for block in (s["h.0"], s["h.1"]):
        packed = linear(block["attn.c_attn"], norm(block["ln_1"], h))
        q, k, v = (a.reshape(2, 4, 2, 4) for a in jnp.split(packed, 3, -1))
        h = h + linear(block["attn.c_proj"], attend(q, k, v, is_causal=True).reshape(2, 4, 8))
        h = h + linear(block["mlp.c_proj"], jax.nn.gelu(linear(block["mlp.c_fc"], norm(block["ln_2"], h))))
    return jnp.mean(norm(s["ln_f"], h) ** 2)
