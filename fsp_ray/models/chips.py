"""Cuts upright, square chips out of frames."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8
from fsp_ray.faces.geometry import F64, to_pixel_index

# Beyond this a face fills far more than the frame; the rest of the blur is not worth its memory.
_MAX_OVERSAMPLING: Final = 8


def cut_chips(rgb: U8, matrices: F64, chip_px: int) -> U8:
    """Return u8[M, chip_px, chip_px, 3]; the frame's border goes on outside of it.

    Args:
        rgb: u8[H, W, 3].
        matrices: f64[M, 2, 3], frame to chip, pixel centres at .5.
        chip_px: side of the chips.
    """
    chips = np.empty((len(matrices), chip_px, chip_px, 3), np.uint8)
    for chip, matrix in zip(chips, matrices, strict=True):
        # Shrinking by bilinear samples alone would alias: cut larger by a whole factor, average.
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        factor = int(np.clip(np.floor(1 / max(scale, 1e-6)), 1, _MAX_OVERSAMPLING))
        enlarged = to_pixel_index((matrix * factor)[None])[0]
        side = chip_px * factor
        cut: Any = cv2.warpAffine(
            rgb, enlarged, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        if factor > 1:
            cut = cv2.resize(cut, (chip_px, chip_px), interpolation=cv2.INTER_AREA)
        chip[:] = cut
    return chips


def to_nchw(chips: U8) -> F32:
    """Return f32[M, 3, H, W], 0..255, C-contiguous, from u8[M, H, W, 3]."""
    return np.ascontiguousarray(chips.transpose(0, 3, 1, 2), dtype=np.float32)
