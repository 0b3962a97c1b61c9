"""Mixtures of faces: what keeps a face of many from being the average of all."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32
from fsp_ray.synthesis.texture import blur

# k faces: no published face is one of the bank's (the k-Same argument of Newton, Sweeney and
# Malin, "Preserving privacy by de-identifying face images", 2005).
K_FACES: Final = 4
_CONCENTRATION: Final = 2.0
# A face that counts less than this is not really in the mixture.
MIN_SHARE: Final = 0.05
FINE_SIGMA_PX: Final = 2.4

F64 = npt.NDArray[np.float64]


def draw_shares(rng: np.random.Generator, count: int = K_FACES) -> F32:
    """Return Dirichlet(2) weights, heaviest first, none under .05; f32[count]."""
    while True:
        shares = rng.dirichlet(np.full(count, _CONCENTRATION))
        if shares.min() >= MIN_SHARE:
            return np.sort(shares)[::-1].astype(np.float32)


def amplitude(shares: F32) -> float:
    """Return r = (sum of squared weights) ** -.5: by how much mixing shrinks deviations."""
    return float((shares.astype(np.float64) ** 2).sum() ** -0.5)


def mix(values: F32, mean: F32, shares: F32, *, power: float) -> F32:
    """Return mean + r ** power * sum of weighted deviations; values [k, ...], mean [...]."""
    deviation = np.tensordot(shares, values - mean, axes=1)
    return (mean + np.float32(amplitude(shares) ** power) * deviation).astype(np.float32)


def with_detail_of(ratio: F32, exemplar: F32) -> F32:
    """Return a texture whose bands finer than 2.4 px come from another one."""
    return blur(ratio, FINE_SIGMA_PX) + exemplar - blur(exemplar, FINE_SIGMA_PX)
