"""BERT of transformers with masked rows and a padding_idx, and a port in plain JAX of its state; both return all."""

import jax
import numpy as np
from jax.lax import stop_gradient as stop
from jax.nn import dot_product_attention as attend
from transformers import BertConfig, BertModel

sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 9}
model = BertModel(BertConfig(**sizes, attn_implementation="eager")).eval()
torch_inputs = jax_inputs = model, np.array([[1, 5, 2, 8], [7, 7, 0, 0]]), np.array([[1, 1, 1, 1], [1, 1, 0, 0]])


def torch_side(model, ids, mask):
    return model(ids, attention_mask=mask)


@jax.jit
def jax_side(s, ids, mask):
    def linear(s, h):
        return h @ s["weight"].T + s["bias"]

    def norm(s, h):
        return jax.nn.standardize(h, epsilon=1e-12) * s["weight"] + s["bias"]

    words, places, kinds = (s[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type"))
    h = norm(s["embeddings.LayerNorm"], words.at[0].set(stop(words[0]))[ids] + places[:4] + kinds[0])
    for layer in (s["encoder.layer.0"], s["encoder.layer.1"]):
        q, k, v = (linear(layer[f"attention.self.{n}"], h).reshape(2, 4, 2, 4) for n in ("query", "key", "value"))
        heads = attend(q, k, v, mask=mask[:, None, None] > 0).reshape(2, 4, 8)
        h = norm(layer["attention.output.LayerNorm"], h + linear(layer["attention.output.dense"], heads))
        inner = jax.nn.gelu(linear(layer["intermediate.dense"], h), approximate=False)
        h = norm(layer["output.LayerNorm"], h + linear(layer["output.dense"], inner))
    return {"last_hidden_state": h, "pooler_output": jax.numpy.tanh(linear(s["pooler.dense"], h[:, 0]))}
