"""Boxes, similarities, ROIs and head pose: plain arithmetic on points.

All coordinates follow `core.face_types`: x right, y down, (0, 0) the outer corner of the top
left pixel. Affine maps are f64[M, 2, 3] and take frame coordinates to crop coordinates, both in
that convention; `to_pixel_index` converts one for a warp that counts from pixel centres.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, I64, NUM_POINTS, FaceRois

F64 = npt.NDArray[np.float64]

# Mesh numbering: outer and inner eye corners, image-left eye first.
EYE_CORNERS: Final = (33, 133, 362, 263)
NOSE_BASE: Final = 2
_FOREHEAD, _CHIN = 10, 152
# Pairs mirrored about the face's middle, image-left first: eyes, cheeks, temples, jaw. The mouth
# is left out: it moves on its own.
_MIRROR_LEFT: Final = (33, 133, 127, 234, 93, 58)
_MIRROR_RIGHT: Final = (263, 362, 356, 454, 323, 288)

# What the mesh net saw in training: a detector's box enlarged by 1.3 (measured), or the extent
# of the previous frame's points by 1.5 (MediaPipe's landmark graph).
DETECTION_SCALE: Final = 1.3
LANDMARK_SCALE: Final = 1.5


class HeadPose(NamedTuple):
    """Angles in degrees, f32[M] each.

    Attributes:
        yaw: positive where the nose points to the image's right.
        pitch: positive where the face looks up. A forehead lies behind its chin, so a face that
            looks straight ahead reads about -7 (measured on clips).
        roll: positive where the head leans clockwise as seen.
    """

    yaw: F32
    pitch: F32
    roll: F32


def similarity(source: npt.NDArray[np.floating], target: npt.NDArray[np.floating]) -> F64:
    """Return the least-squares similarities that take `source` to `target`, without mirroring.

    The closed form in two dimensions of Umeyama, "Least-squares estimation of transformation
    parameters between two point patterns", PAMI 1991: rotation and scale are one complex factor.

    Args:
        source: [M, K, 2] points.
        target: [M, K, 2], or [K, 2] for all.

    Raises:
        ValueError: all of one source's points coincide or are not finite.
    """
    src = _as_complex(source)
    dst = np.broadcast_to(_as_complex(target), src.shape)
    src_mean, dst_mean = src.mean(axis=1, keepdims=True), dst.mean(axis=1, keepdims=True)
    spread = (np.abs(src - src_mean) ** 2).sum(axis=1)
    if not (spread > 1e-12).all():
        raise ValueError("a similarity needs at least two different, finite points")
    factor = (np.conj(src - src_mean) * (dst - dst_mean)).sum(axis=1) / spread
    shift = dst_mean[:, 0] - factor * src_mean[:, 0]
    return _affine(factor, shift)


def apply_affine(matrix: F64, points: npt.NDArray[np.floating]) -> F64:
    """Return `points` [M, K, 2] mapped by `matrix` [M, 2, 3]."""
    turned: F64 = np.matmul(points.astype(np.float64), matrix[:, :, :2].transpose(0, 2, 1))
    return turned + matrix[:, None, :, 2]


def invert_affine(matrix: F64) -> F64:
    """Return the inverse maps of `matrix` [M, 2, 3].

    Raises:
        ValueError: one of them is singular.
    """
    linear = matrix[:, :, :2]
    determinant = linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]
    if not (np.abs(determinant) > 1e-18).all():
        raise ValueError("a singular map has no inverse")
    inverse = np.linalg.inv(linear).astype(np.float64)
    return np.concatenate([inverse, -inverse @ matrix[:, :, 2:]], axis=2)


def to_pixel_index(matrix: F64) -> F64:
    """Return the same maps between indices of pixel centres, as `cv2.warpAffine` counts."""
    half = np.full((2, 1), 0.5)
    out = matrix.copy()
    out[:, :, 2:] += matrix[:, :, :2] @ half - half
    return out


def roi_matrices(rois: FaceRois, crop_px: int) -> F64:
    """Return the maps [M, 2, 3] from the frame to upright square crops of `crop_px`."""
    turn: npt.NDArray[np.complex128] = np.exp(-1j * rois.angle_rad.astype(np.float64))
    factor = crop_px / rois.size_px * turn
    shift = crop_px / 2 * (1 + 1j) - factor * _as_complex(rois.center)
    return _affine(factor, shift)


def rois_from_detections(xyxy: F32, kps: F32) -> FaceRois:
    """Return squares of 1.3 times the boxes' long sides, turned by the eye line.

    On a strong profile both eyes lie in one place and their line says nothing: it is then
    taken to be level.
    """
    check_array("xyxy", xyxy, np.float32, (None, 4))
    check_array("kps", kps, np.float32, (len(xyxy), 5, 2))
    side = np.maximum(xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1])
    eye_line = kps[:, 1] - kps[:, 0]
    angle = np.arctan2(eye_line[:, 1], eye_line[:, 0])
    readable = np.hypot(eye_line[:, 0], eye_line[:, 1]) > 0.12 * side
    return FaceRois(
        center=np.float32(0.5) * (xyxy[:, :2] + xyxy[:, 2:]),
        size_px=np.maximum(np.float32(DETECTION_SCALE) * side, np.float32(1)),
        angle_rad=np.where(readable, angle, 0).astype(np.float32),
    )


def rois_from_landmarks(points: F32) -> FaceRois:
    """Return squares of 1.5 times the extent of meshes [M, 468, 3], turned by the eye line."""
    check_array("points", points, np.float32, (None, NUM_POINTS, 3))
    flat = _as_complex(points[:, :, :2])
    eye_line = flat[:, EYE_CORNERS[3]] - flat[:, EYE_CORNERS[0]]
    angle = np.angle(eye_line)
    turned = flat * np.exp(-1j * angle)[:, None]
    low = turned.real.min(axis=1) + 1j * turned.imag.min(axis=1)
    high = turned.real.max(axis=1) + 1j * turned.imag.max(axis=1)
    center = (low + high) / 2 * np.exp(1j * angle)
    side = np.maximum((high - low).real, (high - low).imag)
    return FaceRois(
        center=np.stack([center.real, center.imag], axis=-1).astype(np.float32),
        size_px=np.maximum(LANDMARK_SCALE * side, 1).astype(np.float32),
        angle_rad=angle.astype(np.float32),
    )


def box_from_points(points: F32) -> F32:
    """Return the tight boxes f32[M, 4] of meshes [M, 468, 3]."""
    check_array("points", points, np.float32, (None, NUM_POINTS, 3))
    return np.concatenate([points[:, :, :2].min(axis=1), points[:, :, :2].max(axis=1)], axis=1)


def head_pose(points: F32) -> HeadPose:
    """Return the pose of meshes [M, 468, 3], from their own x, y and z.

    The head's sideways axis is the mean over mirrored pairs of points, its downward axis runs
    from the forehead to the chin; no camera is assumed (weak perspective).
    """
    check_array("points", points, np.float32, (None, NUM_POINTS, 3))
    mesh = points.astype(np.float64)
    sideways = (mesh[:, _MIRROR_RIGHT] - mesh[:, _MIRROR_LEFT]).mean(axis=1)
    sideways = _unit(sideways)
    downward = mesh[:, _CHIN] - mesh[:, _FOREHEAD]
    downward = _unit(downward - (downward * sideways).sum(axis=1, keepdims=True) * sideways)
    inward = np.cross(sideways, downward)
    yaw = np.arctan2(-inward[:, 0], np.hypot(inward[:, 1], inward[:, 2]))
    # A profile past 90 degrees has its sideways axis reversed; say so instead of folding back.
    yaw = np.where(inward[:, 2] < 0, np.sign(yaw) * np.pi - yaw, yaw)
    pitch = np.arcsin(np.clip(inward[:, 1], -1, 1))
    roll = np.arctan2(sideways[:, 1], sideways[:, 0])
    angles = np.degrees(np.stack([yaw, pitch, roll])).astype(np.float32)
    return HeadPose(angles[0], angles[1], angles[2])


def box_size(xyxy: F32) -> F32:
    """Return the geometric mean of the boxes' sides, f32[M], pixels."""
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.sqrt(sides[:, 0] * sides[:, 1])


def moved_sizes(before: F32, after: F32) -> float:
    """Return how far apart the centres of two boxes f32[4] are, in sizes of the second."""
    shift = (after[:2] + after[2:] - before[:2] - before[2:]) / 2
    return float(np.hypot(shift[0], shift[1])) / max(float(box_size(after[None])[0]), 1e-3)


def iou(first: F32, second: F32) -> F32:
    """Return intersection over union, f32[M, N], of boxes [M, 4] and [N, 4]."""
    inter = _intersection(first, second)
    union = _area(first)[:, None] + _area(second)[None] - inter
    return (inter / np.maximum(union, 1e-9)).astype(np.float32)


def overlap_of_smaller(first: F32, second: F32) -> F32:
    """Return intersection over the smaller box's area, f32[M, N]: 1 where one holds the other."""
    smaller = np.minimum(_area(first)[:, None], _area(second)[None])
    return (_intersection(first, second) / np.maximum(smaller, 1e-9)).astype(np.float32)


def nms(xyxy: F32, det_score: F32, *, max_iou: float) -> I64:
    """Return the indices that greedy non-maximum suppression keeps, best score first."""
    order = np.argsort(-det_score, kind="stable")
    overlap = iou(xyxy, xyxy)
    keep: list[int] = []
    for i in order:
        if not keep or overlap[i, keep].max() <= max_iou:
            keep.append(int(i))
    return np.array(keep, dtype=np.int64)


def _intersection(first: F32, second: F32) -> F64:
    low = np.maximum(first[:, None, :2], second[None, :, :2]).astype(np.float64)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return sides[:, :, 0] * sides[:, :, 1]


def _area(xyxy: F32) -> F64:
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0).astype(np.float64)
    return sides[:, 0] * sides[:, 1]


def _unit(vectors: F64) -> F64:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _as_complex(points: npt.NDArray[np.floating]) -> npt.NDArray[np.complex128]:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]


def _affine(factor: npt.NDArray[np.complex128], shift: npt.NDArray[np.complex128]) -> F64:
    rows = [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    return np.array(rows).transpose(2, 0, 1)
