"""What moves over time: landmarks that tremble, mouths and eyes that open."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32

F64 = npt.NDArray[np.float64]

# The mesh's inner lips and lids, top and bottom, and the corners they are measured against.
_MOUTH: Final = ((13, 14), (82, 87), (312, 317))
_MOUTH_CORNERS: Final = (78, 308)
_EYES: Final = (
    (((159, 145), (158, 153), (160, 144)), (33, 133)),
    (((386, 374), (385, 380), (387, 373)), (362, 263)),
)
# The outer eye corners, whose distance is a face's own unit of length.
_UNIT: Final = (33, 263)


def opening(points: F32, part: Literal["mouth", "eyes"]) -> F64:
    """Return f64[T]: how far mouth or eyes stand open, as a share of their width.

    The aspect ratio of Soukupová and Čech, "Real-time eye blink detection using facial
    landmarks", 2016, in three dimensions, so that a turned head does not read as a closed one;
    the mean of both eyes.

    Args:
        points: f32[T, 468, 3], meshes.
        part: what to measure.
    """
    if part == "mouth":
        return _aspect(points, _MOUTH, _MOUTH_CORNERS)
    return np.mean([_aspect(points, lids, corners) for lids, corners in _EYES], axis=0)


def jitter(points: F32) -> float | None:
    """Return how much meshes [T, 468, 3] of consecutive frames tremble, in eye distances.

    The median over points and frames of the second difference of places (acceleration, a frame
    the unit of time), over the track's median distance of the outer eye corners. None for
    fewer than three frames.
    """
    if len(points) < 3:
        return None
    flat = points[:, :, :2].astype(np.float64)
    unit = float(np.median(np.linalg.norm(flat[:, _UNIT[0]] - flat[:, _UNIT[1]], axis=1)))
    second = np.linalg.norm(flat[2:] - 2 * flat[1:-1] + flat[:-2], axis=2)
    return float(np.median(second)) / max(unit, 1e-9)


def correlation(a: F64, b: F64) -> float | None:
    """Return Pearson's correlation of two series [T]; None where one does not move."""
    if len(a) < 3 or len(a) != len(b):
        return None
    x, y = a - a.mean(), b - b.mean()
    energy = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / energy if energy > 1e-12 else None


def _aspect(points: F32, pairs: tuple[tuple[int, int], ...], corners: tuple[int, int]) -> F64:
    mesh = points.astype(np.float64)
    gaps = [np.linalg.norm(mesh[:, top] - mesh[:, bottom], axis=1) for top, bottom in pairs]
    width = np.linalg.norm(mesh[:, corners[0]] - mesh[:, corners[1]], axis=1)
    return np.mean(gaps, axis=0) / np.maximum(width, 1e-9)
