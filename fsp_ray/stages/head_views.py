"""Looks at a head that synthetic faces are tried on: cut out small, few, and unlike one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8, HeadView
from fsp_ray.faces import head_pose
from fsp_ray.synthesis import normalise_shape, with_rings

MAX_HEAD_VIEWS: Final = 4
LONG_SIDE_PX: Final = 256
"""Recognisers look at 112 to 160 px of it; more would only cost room and time."""

# The swapper touches nothing beyond its outer ring; a recogniser's chip reaches a bit farther.
_MARGIN: Final = 0.08
_TURN_DEG: Final = 25.0
_EXPRESSION: Final = 0.03  # face widths, root mean square


def cut_head(rgb: U8, points: F32, weight: float) -> HeadView | None:
    """Return the head cut out of a frame, at most 256 px long; None if it lies outside.

    Args:
        rgb: u8[H, W, 3], the frame.
        points: f32[468, 3], the mesh in pixels of the frame.
        weight: how much the look counts.
    """
    xy = with_rings(points)[:, :2]
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    height, width = rgb.shape[:2]
    left, top = (int(v) for v in np.clip(np.floor(low - margin), 0, (width, height)))
    right, bottom = (int(v) for v in np.clip(np.ceil(high + margin), 0, (width, height)))
    if right - left < 1 or bottom - top < 1:
        return None
    crop = rgb[top:bottom, left:right]
    scale = min(1.0, LONG_SIDE_PX / max(crop.shape[:2]))
    size = max(round(crop.shape[1] * scale), 1), max(round(crop.shape[0] * scale), 1)
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA) if scale < 1 else crop.copy()
    factor = np.array([size[0] / crop.shape[1], size[1] / crop.shape[0], scale], np.float32)
    moved = (points - np.array([left, top, 0], np.float32)) * factor
    return HeadView(np.asarray(small, np.uint8), moved.astype(np.float32), weight)


def pick_views(views: Sequence[HeadView], count: int = MAX_HEAD_VIEWS) -> tuple[HeadView, ...]:
    """Return the best look first, then those that differ most from the ones before.

    A look is worth its weight times how far its pose and expression lie from all those picked.
    """
    if len(views) <= 1:
        return tuple(views)
    points = np.stack([view.points for view in views])
    pose = head_pose(points)
    turn = np.stack([pose.yaw, pose.pitch], axis=1) / _TURN_DEG
    shapes = np.stack([normalise_shape(p) for p in points]).reshape(len(views), -1)
    weight = np.array([view.weight for view in views])
    picked = [int(weight.argmax())]
    reach = np.full(len(views), np.inf)
    while len(picked) < min(count, len(views)):
        last = picked[-1]
        mimic = np.linalg.norm(shapes - shapes[last], axis=1) / (468**0.5 * _EXPRESSION)
        reach = np.minimum(reach, np.linalg.norm(turn - turn[last], axis=1) + mimic)
        worth = weight * np.minimum(reach, 2)
        worth[picked] = -1
        picked.append(int(worth.argmax()))
    return tuple(views[i] for i in picked)
