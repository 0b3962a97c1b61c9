"""What the recognisers share: chips in, unit vectors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8
from fsp_ray.faces.geometry import F64
from fsp_ray.models.chips import cut_chips, to_nchw
from fsp_ray.models.session import Session

MAX_BATCH: Final = 16


def embed_chips(session: Session, rgb: U8, matrices: F64, chip_px: int, dimensions: int) -> F32:
    """Return f32[M, dimensions], unit vectors, of the chips that `matrices` cut out of `rgb`."""
    vectors = np.empty((len(matrices), dimensions), np.float32)
    output = session.outputs[0]
    for start in range(0, len(matrices), MAX_BATCH):
        part = slice(start, start + MAX_BATCH)
        vectors[part] = session.run(to_nchw(cut_chips(rgb, matrices[part], chip_px)))[output]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(length, np.float32(1e-12))


def calibrated_distance(distances: Mapping[float, float], far: float) -> float:
    """Return the distance that was measured for a false accept rate.

    Raises:
        ValueError: none was; the message says for which rates there is one.
    """
    if far not in distances:
        known = ", ".join(f"{rate:g}" for rate in distances)
        raise ValueError(f"there is no distance for a false accept rate of {far:g}, only {known}")
    return distances[far]
