"""Taking the jitter out of a track's meshes, without lag."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, Track
from fsp_ray.faces.geometry import F64, apply_affine, box_from_points, invert_affine, similarity

# Savitzky and Golay 1964: least-squares parabolas over a sliding window. Zero phase, and a nod's
# acceleration survives. Seven frames for where the head is; five for the face in itself, which
# moves faster (a blink takes four frames).
_HEAD: Final[F64] = np.array([-2, 3, 6, 7, 6, 3, -2]) / 21
_FACE: Final[F64] = np.array([-3, 12, 17, 12, -3]) / 35
# The lids' rims, points that face each other. A lid falls in two frames; its reading is steady.
_UPPER_LIDS: Final = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
_LOWER_LIDS: Final = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)


def smooth_track(track: Track) -> Track:
    """Return the track with its meshes smoothed in time; boxes follow their meshes.

    The head's similarity transform and the face's own shape are smoothed apart, each run of
    consecutive meshes by itself. How far lids are apart is left as it was read: smoothed, a blink
    would begin early and hardly shut. Frames without a mesh stay as they are.
    """
    points, xyxy = track.points.copy(), track.xyxy.copy()
    for run in _runs(track.presence > 0):
        points[run] = _smooth(track.points[run])
        moved = box_from_points(points[run]) - box_from_points(track.points[run])
        xyxy[run] += moved
    return replace(track, points=points, xyxy=xyxy)


def _smooth(points: F32) -> F32:
    """Smooth consecutive meshes f32[T, 468, 3]."""
    if len(points) < 3:
        return points
    flat, depth = points[:, :, :2], points[:, :, 2].astype(np.float64)
    mean = flat.mean(axis=(0, 1))
    reference = flat[len(flat) // 2] - mean
    pose = similarity(np.broadcast_to(reference, flat.shape), flat)
    scale = np.hypot(pose[:, 0, 0], pose[:, 1, 0])
    shape = apply_affine(invert_affine(pose), flat)
    calm_pose = _convolve(pose, _HEAD)
    calm_scale = np.hypot(calm_pose[:, 0, 0], calm_pose[:, 1, 0])
    calm = apply_affine(calm_pose, _lids_as_read(_convolve(shape, _FACE), shape))
    height = depth / scale[:, None]
    calm_depth = _lids_as_read(_convolve(height, _FACE), height) * calm_scale[:, None]
    return np.concatenate([calm, calm_depth[:, :, None]], axis=2).astype(np.float32)


def _lids_as_read(calm: F64, shape: F64) -> F64:
    """Return smoothed shapes [T, 468, ...] with lids as far apart as in the ones read, in place."""
    upper, lower = list(_UPPER_LIDS), list(_LOWER_LIDS)
    middle = (calm[:, upper] + calm[:, lower]) / 2
    gap = shape[:, lower] - shape[:, upper]
    calm[:, upper], calm[:, lower] = middle - gap / 2, middle + gap / 2
    return calm


def _convolve(values: F64, kernel: F64) -> F64:
    """Filter along the first axis; beyond the ends, values go on mirrored through the end point."""
    half = min(len(kernel) // 2, len(values) - 1)
    if half < len(kernel) // 2:
        kernel = np.full(2 * half + 1, 1 / (2 * half + 1))
    head = 2 * values[:1] - values[half:0:-1]
    tail = 2 * values[-1:] - values[-2 : -2 - half : -1]
    padded = np.concatenate([head, values, tail])
    out = np.zeros_like(values)
    for i, weight in enumerate(kernel):
        out += weight * padded[i : i + len(values)]
    return out


def _runs(flags: npt.NDArray[np.bool_]) -> list[slice]:
    """Return the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
