"""Entropic optimal transport by POT on torch and by ott-jax."""

import numpy as np
import ot
import torch
from ott.geometry import pointcloud
from ott.solvers import linear

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = tuple(rng.standard_normal((n, 2)) for n in (5, 4))


def torch_side(x, y):
    cost = torch.cdist(x, y) ** 2
    a, b = torch.full((5,), 1 / 5), torch.full((4,), 1 / 4)
    plan = ot.bregman.sinkhorn_log(a, b, cost, reg=0.5, stopThr=1e-12, numItermax=2000)
    return (plan * cost).sum()


def jax_side(x, y):
    geometry = pointcloud.PointCloud(x, y, epsilon=0.5)
    out = linear.solve(geometry, threshold=1e-12, max_iterations=2000)
    return (out.matrix * geometry.cost_matrix).sum()
