"""Where a face is in the frame, and whether its mesh can be drawn on at all."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.face_types import F32, NUM_POINTS, U8
from fsp_ray.faces.geometry import F64
from fsp_ray.synthesis.topology import FACE_OVAL, Region, load_topology, signed_areas

_MIN_SIDE_PX: Final = 8.0
_MAX_SIDE_PX: Final = 8192.0
_MIN_OVAL_AREA: Final = 0.1  # of the box round it; a profile seen as a line has less
# Of the skin's triangles look at the camera: .71 at a yaw of 60 degrees, .64 at 70, where the far
# half of the mesh is guesswork.
_MIN_FRONT_SHARE: Final = 0.66
_MAX_MISFIT: Final = 0.2  # face widths


def check_mesh(rgb: U8, points: F32) -> None:
    """Raise ValueError unless the mesh is a face that can be drawn in the frame.

    Args:
        rgb: u8[H, W, 3].
        points: f32[468, 3], pixels.
    """
    check_array("rgb", rgb, np.uint8, (None, None, 3))
    check_array("points", points, np.float32, (NUM_POINTS, 3))
    check_finite("points", points)
    xy = points[:, :2].astype(np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    sides = high - low
    if sides.min() < _MIN_SIDE_PX or sides.max() > _MAX_SIDE_PX:
        raise ValueError("the mesh is too small or too large to draw")
    height, width = rgb.shape[:2]
    if (high <= 0).any() or low[0] >= width or low[1] >= height:
        raise ValueError("the mesh lies outside of the frame")
    if _polygon_area(xy[list(FACE_OVAL)]) < _MIN_OVAL_AREA * sides.prod():
        raise ValueError("the mesh has hardly any area")
    areas = signed_areas(points, load_topology().of(Region.SKIN))
    if (areas > 0).mean() < _MIN_FRONT_SHARE:
        raise ValueError("the mesh is folded or turned away")


def fit_pose(shape: F32, points: F32) -> F64:
    """Return s·R, f64[3, 3], the best similarity's linear part: points ≈ shape (s·R)ᵀ + shift.

    Weighted like `normalise_shape`, so that a moving mouth does not turn the head. Umeyama,
    PAMI 1991.

    Raises:
        ValueError: the points are not that shape in any pose.
    """
    weight = load_topology().rigid_weight.astype(np.float64)[:, None]
    source, target = shape.astype(np.float64), points.astype(np.float64)
    source = source - (weight * source).sum(axis=0)
    target = target - (weight * target).sum(axis=0)
    u, singular, vt = np.linalg.svd((weight * source).T @ target)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    spread = float((weight * source * source).sum())
    scale = float((singular * sign).sum()) / max(spread, 1e-12)
    if not scale > 0:
        raise ValueError("the mesh does not fit the source's shape")
    linear = scale * (vt.T * sign) @ u.T
    rest = (target - source @ linear.T)[:, :2]
    misfit = float(np.sqrt((weight * rest * rest).sum())) / scale
    if misfit > _MAX_MISFIT:
        raise ValueError("the mesh does not fit the source's shape")
    return linear


def _polygon_area(corners: F64) -> float:
    x, y = corners.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2
