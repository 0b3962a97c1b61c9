"""Which detection belongs to which face that is followed already."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32
from fsp_ray.faces.geometry import box_size, iou, overlap_of_smaller


def affinity(tracked: F32, detected: F32, reach: F32) -> F32:
    """Return f32[M, N] in 0..1: how well boxes [M, 4] and [N, 4] fit as one face; 0 is not at all.

    `reach` f32[M] says how far, in its own sizes, each tracked face may have moved. Overlap
    alone would lose small faces that moved by their own width.
    """
    if not len(tracked) or not len(detected):
        return np.zeros((len(tracked), len(detected)), np.float32)
    centers = _centers(tracked)[:, None] - _centers(detected)[None]
    size, other = box_size(tracked)[:, None], box_size(detected)[None]
    mean_size = np.maximum(np.sqrt(size * other), 1e-3)
    distance = np.linalg.norm(centers, axis=2) / mean_size / np.maximum(reach[:, None], 1e-3)
    ratio = np.maximum(size, other) / np.maximum(np.minimum(size, other), 1e-3)
    score = np.maximum(iou(tracked, detected), 1 - distance)
    return np.where((ratio < 2) & (score > 0.25), score, 0).astype(np.float32)


def assign(scores: F32) -> list[tuple[int, int]]:
    """Return pairs (row, column) of an affinity f32[M, N], best first, each used once."""
    pairs: list[tuple[int, int]] = []
    left = scores.copy()
    while left.size and left.max() > 0:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        pairs.append((int(row), int(column)))
        left[row], left[:, column] = 0, 0
    return pairs


def ambiguous(scores: F32, row: int, column: int) -> bool:
    """Tell whether another row or column would have fitted nearly as well as this pair."""
    best = scores[row, column]
    rivals = np.concatenate([np.delete(scores[row], column), np.delete(scores[:, column], row)])
    return bool(rivals.size and rivals.max() > 0.75 * best)


def duplicates(xyxy: F32, max_iou: float = 0.5) -> list[tuple[int, int]]:
    """Return pairs (i, j), i < j, of boxes f32[M, 4] that lie on one face."""
    same = (iou(xyxy, xyxy) > max_iou) | (_nested(xyxy) > 0.85)
    rows, columns = np.nonzero(np.triu(same, 1))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def lies_on(xyxy: F32, known: F32) -> bool:
    """Tell whether a box f32[4] lies on a known face, or all but within it."""
    x1, y1 = np.maximum(known[:2], xyxy[:2])
    x2, y2 = np.minimum(known[2:], xyxy[2:])
    inside = max(float(x2 - x1), 0.0) * max(float(y2 - y1), 0.0)
    area = float((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]))
    return inside > 0.8 * area or float(iou(known[None], xyxy[None])[0, 0]) > 0.5


def _nested(xyxy: F32) -> F32:
    """Overlap of the smaller, where the two are not too unlike in size to be one face."""
    size = box_size(xyxy)
    ratio = size[:, None] / np.maximum(size[None], 1e-3)
    like = (ratio > 0.5) & (ratio < 2)
    return np.where(like, overlap_of_smaller(xyxy, xyxy), 0).astype(np.float32)


def _centers(xyxy: F32) -> npt.NDArray[np.float32]:
    return np.float32(0.5) * (xyxy[:, :2] + xyxy[:, 2:])
