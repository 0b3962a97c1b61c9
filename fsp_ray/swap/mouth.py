"""How far the drawn mouth opens: a little farther than the mesh, which reads open mouths small.

The net that fits the mesh puts the lips' inner rims between where they are and where they meet.
Lips drawn there would hide what the source shows of its teeth, and speech would look mumbled.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.synthesis.topology import (
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    load_topology,
)

# By this share of the gap between the lips, up to so many face widths: wide mouths are read well.
_WIDER: Final = 0.9
_MOST: Final = 0.018
# How far from the lips the skin follows them, face widths.
_REACH: Final = 0.045
_LEAST_PX: Final = 1e-3


def parted(points: F32) -> F32:
    """Return how the points about the mouth move to part the lips farther, f32[468, 3].

    Args:
        points: f32[468, 3], the source's mesh, pixels.
    """
    gap = points[list(INNER_LIP_LOWER)] - points[list(INNER_LIP_UPPER)]
    length = np.linalg.norm(gap, axis=1, keepdims=True)
    most = _MOST * float(np.ptp(points[:, 0]))
    more = np.minimum(_WIDER * length, most) / np.maximum(length, _LEAST_PX)
    return np.asarray(_following() @ (gap * more / 2), np.float32)


@functools.cache
def _following() -> F32:
    """Return f32[468, 11], how much each point goes with each pair of the rims, signed.

    Both lips go whole; the skin about them follows less the farther it is.
    """
    shape = load_topology().mean_shape.astype(np.float64)
    upper, lower = (shape[list(rim)] for rim in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    parting = (upper + lower) / 2
    gap = np.linalg.norm(shape[:, None] - parting, axis=2)
    nearest = np.exp(-((gap - gap.min(axis=1, keepdims=True)) / 0.02))
    nearest /= nearest.sum(axis=1, keepdims=True)
    side = np.sign(shape[:, 1] - (nearest @ parting)[:, 1])
    lips = {-1.0: (INNER_LIP_UPPER, OUTER_LIP_UPPER), 1.0: (INNER_LIP_LOWER, OUTER_LIP_LOWER)}
    for sign, rims in lips.items():
        # The corners belong to both lips and stay.
        side[[*rims[0][1:-1], *rims[1][1:-1]]] = sign
    red = [point for rims in lips.values() for rim in rims for point in rim]
    away = np.linalg.norm(shape[:, None] - shape[red], axis=2).min(axis=1)
    share = side * np.exp(-(away**2) / (2 * _REACH**2))
    for rim in (INNER_LIP_UPPER, INNER_LIP_LOWER, OUTER_LIP_UPPER, OUTER_LIP_LOWER):
        share[[rim[0], rim[-1]]] = 0
    following = nearest * share[:, None]
    for sign, rims in lips.items():
        for rim in rims:
            for pair, point in enumerate(rim[1:-1], start=1):
                following[point] = 0
                following[point, pair] = sign
    return np.asarray(following, np.float32)
