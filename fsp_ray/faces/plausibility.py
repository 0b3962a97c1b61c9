"""What a mesh can't look like, and what it can't do from one frame to the next."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32
from fsp_ray.faces.geometry import (
    EYE_CORNERS,
    apply_affine,
    box_from_points,
    box_size,
    iou,
    similarity,
)

Bools = npt.NDArray[np.bool_]

PRESENCE_GATE: Final = 0.5
"""Presence under which a mesh counts as none (notes: strong profiles give nonsense near 0)."""

_LEFT_CHEEK, _RIGHT_CHEEK, _FOREHEAD, _CHIN = 234, 454, 10, 152
_MOUTH: Final = (61, 291)
_MIN_SIZE_PX: Final = 4.0
# What a head can do in a frame, in its own size, and what more in each further one: motion that
# goes on is seen anew in every frame, so little is added.
_MAX_SHIFT: Final = 0.45
_FURTHER_SHIFT: Final = 0.12
_MAX_GROWTH: Final = 1.35
_MAX_BENDING: Final = 0.12


def plausible_meshes(points: F32, presence: F32) -> Bools:
    """Return bool[M]: present, and shaped like a face (meshes f32[M, 468, 3])."""
    mesh = points.astype(np.float64)
    finite: Bools = np.asarray(np.isfinite(mesh).all(axis=(1, 2)))
    mesh = np.where(finite[:, None, None], mesh, 0)
    eyes = mesh[:, list(EYE_CORNERS)].mean(axis=1)
    mouth = mesh[:, list(_MOUTH)].mean(axis=1)
    height_axis = mesh[:, _CHIN] - mesh[:, _FOREHEAD]
    height = np.linalg.norm(height_axis, axis=1)
    width = np.linalg.norm(mesh[:, _RIGHT_CHEEK] - mesh[:, _LEFT_CHEEK], axis=1)
    eye_line = np.linalg.norm(mesh[:, EYE_CORNERS[3]] - mesh[:, EYE_CORNERS[0]], axis=1)
    drop = ((mouth - eyes) * height_axis).sum(axis=1) / np.maximum(height, 1e-6) ** 2
    shaped = (
        (width > 0.45 * height)
        & (width < 1.8 * height)
        & (eye_line > 0.35 * width)
        & (eye_line < 0.95 * width)
        & (drop > 0.15)
        & (drop < 0.7)
    )
    large = box_size(box_from_points(points)) >= _MIN_SIZE_PX
    return np.asarray(finite & shaped & large & (presence >= PRESENCE_GATE))


def plausible_steps(before: F32, after: F32, num_frames: npt.NDArray[np.int64]) -> Bools:
    """Return bool[M]: can the mesh `before` have become `after` within `num_frames` frames?

    Both f32[M, 468, 3]. A net that is led to another face or to none jumps, swells or bends.
    """
    slack = np.minimum(np.maximum(num_frames, 1), 4).astype(np.float64)
    old_box, new_box = box_from_points(before), box_from_points(after)
    old_size = np.maximum(box_size(old_box), 1e-3)
    growth = np.maximum(box_size(new_box), 1e-3) / old_size
    shift = np.hypot(*(_center(new_box) - _center(old_box)).T) / old_size
    fit = apply_affine(similarity(before[:, :, :2], after[:, :, :2]), before[:, :, :2])
    bending = np.sqrt(((fit - after[:, :, :2]) ** 2).sum(axis=2).mean(axis=1)) / old_size
    limit = _MAX_GROWTH**slack
    return np.asarray(
        (shift < _MAX_SHIFT + _FURTHER_SHIFT * (slack - 1))
        & (growth < limit)
        & (growth > 1 / limit)
        & (bending < _MAX_BENDING * np.sqrt(slack))
    )


def agrees_with_detection(points: F32, xyxy: F32) -> Bools:
    """Return bool[M]: does the mesh lie on the detected face (boxes f32[M, 4])?"""
    boxes = box_from_points(points)
    ratio = box_size(boxes) / np.maximum(box_size(xyxy), 1e-3)
    overlap = np.array([iou(boxes[i : i + 1], xyxy[i : i + 1])[0, 0] for i in range(len(boxes))])
    return np.asarray((overlap > 0.3) & (ratio > 0.5) & (ratio < 1.8))


def _center(xyxy: F32) -> F32:
    return np.float32(0.5) * (xyxy[:, :2] + xyxy[:, 2:])
