"""How a picture is stored and how a viewer sees it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from fsp_ray.core.errors import FailureReason, VideoError

U8 = npt.NDArray[np.uint8]
_MAX_SKEW_DEG: Final = 1.0


def rotation_of(frame: VideoFrame, name: str) -> int:
    """Return the clockwise degrees that a player turns the frame by: 0, 90, 180 or 270.

    Raises:
        VideoError: UNSUPPORTED for mirrored pictures and other angles.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        return 0
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    if a * d - b * c <= 0:
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{name} is shown mirrored.",
            advice="Convert it to an upright video first.",
        )
    # Rows of the matrix are where the axes go; y points down, so this angle is clockwise.
    degrees = float(np.degrees(np.arctan2(b, a)))
    nearest = round(degrees / 90) * 90
    if abs(degrees - nearest) > _MAX_SKEW_DEG:
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{name} is shown turned by {degrees:.0f} degrees.",
            advice="Convert it to an upright video first.",
        )
    return nearest % 360


def _display_matrix(frame: VideoFrame) -> npt.NDArray[np.int32] | None:
    side_data: Any = frame.side_data  # iterated, it gives objects; the stub says a dictionary
    for data in side_data:
        kind = getattr(data, "type", None)
        if getattr(kind, "name", "") == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), np.int32)
            return matrix if len(matrix) == 9 and matrix.any() else None
    return None


def upright(stored: U8, rotation: int) -> U8:
    """Turn u8[H, W, 3] clockwise by `rotation` degrees; a view."""
    return np.rot90(stored, -rotation // 90)


def as_stored(rgb: U8, rotation: int) -> U8:
    """Undo `upright`; a view."""
    return np.rot90(rgb, rotation // 90)


def pad_even(rgb: U8) -> U8:
    """Repeat the last column and row of u8[H, W, 3] where there is an odd number, contiguous."""
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(rgb)
