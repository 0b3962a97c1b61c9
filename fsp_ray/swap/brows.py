"""Brows that rise and fall with the source's, within what a face can do."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.layout import DISTANCES, change_layout, layout

_ROW: Final = [distance.name for distance in DISTANCES].index("brow height")
_HEIGHT: Final = DISTANCES[_ROW]
# How high over the eyes brows go in surprise, and how low in anger: in spreads of their height at
# rest. Seen in film, of those who go farthest.
_LOWEST, _HIGHEST = -2.2, 2.2


class Brows:
    """Takes back from a synthetic face's brows what the source's expression has used up."""

    def __init__(self, shape: F32, displacement: F32) -> None:
        """Take the source's shape and the shift to the synthetic one, f32[468, 3] each."""
        moved = layout((shape + displacement).astype(np.float32)) - layout(shape)
        self._change = float(moved[_ROW])
        self._raised = change_layout(np.eye(len(DISTANCES))[_ROW]).astype(np.float32)

    def eased(self, points: F32, pose: F64) -> F32:
        """Return what to add to the shift in this frame, f32[468, 3], face widths.

        A face whose brows lie high by themselves raises them less far: they never leave the range
        of people's by more than the source's own do.

        Args:
            points: f32[468, 3], the source's mesh, pixels.
            pose: f64[3, 3], s·R, as `pose.fit_pose` returns it.
        """
        height = brow_height(points, pose)
        low, high = min(_LOWEST, height), max(_HIGHEST, height)
        kept = float(np.clip(height + self._change, low, high)) - height
        return np.asarray(np.float32(kept - self._change) * self._raised, np.float32)


def brow_height(points: F32, pose: F64) -> float:
    """Return how high over the eyes brows are in a frame, in spreads from the usual."""
    up = (points[list(_HEIGHT.plus)].mean(axis=0) - points[list(_HEIGHT.minus)].mean(axis=0)) @ pose
    scale = float((pose[:, 0] ** 2).sum())
    return (float(up[1]) / scale - _HEIGHT.usual) / _HEIGHT.spread
