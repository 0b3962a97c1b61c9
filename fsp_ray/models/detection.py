"""What the detectors share: frames fitted to a net, candidates, and their union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import cv2
import numpy as np

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, U8, FaceBatch
from fsp_ray.faces.geometry import nms

MAX_IOU: Final = 0.3
_STRIDE_PX: Final = 32
# Enlarging further shows the nets nothing new.
_MAX_ENLARGEMENT: Final = 2.0
# More in one frame is noise, and non-maximum suppression costs the square of it.
_MAX_CANDIDATES: Final = 1000


class Candidates(NamedTuple):
    """Boxes of one frame before suppression: xyxy f32[M,4], kps f32[M,5,2], det_score f32[M]."""

    xyxy: F32
    kps: F32
    det_score: F32


class Finder(Protocol):
    """A detection net."""

    def find(self, rgb: U8) -> Candidates:
        """Return candidates in one frame whose sides are multiples of 32, in its pixels."""
        ...


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """One net at one scale: frames are resized to `long_side_px` before it looks at them."""

    finder: Finder
    long_side_px: int


class UnionDetector:
    """The union of several passes, with non-maximum suppression; implements `FaceDetector`.

    One scale is not enough: large ones lose faces that fill the frame, small ones small faces.
    """

    def __init__(self, passes: Sequence[DetectionPass]) -> None:
        self._passes = tuple(passes)

    def detect(self, rgb: U8) -> FaceBatch:
        """Detect in a batch of frames, u8[N, H, W, 3]."""
        check_array("rgb", rgb, np.uint8, (None, None, None, 3))
        found = [self._detect_frame(frame) for frame in rgb]
        counts = [len(frame.det_score) for frame in found]
        return FaceBatch(
            frame_index=np.repeat(np.arange(len(found), dtype=np.int64), counts),
            xyxy=np.concatenate([np.empty((0, 4), np.float32), *(f.xyxy for f in found)]),
            kps=np.concatenate([np.empty((0, 5, 2), np.float32), *(f.kps for f in found)]),
            det_score=np.concatenate([np.empty(0, np.float32), *(f.det_score for f in found)]),
        )

    def _detect_frame(self, frame: U8) -> Candidates:
        parts: list[Candidates] = []
        seen: set[tuple[int, int]] = set()
        for item in self._passes:
            size = fitted_size(frame.shape[0], frame.shape[1], item.long_side_px)
            key = (id(item.finder), max(size))
            if key not in seen:  # a small frame may come to the same size in both passes
                seen.add(key)
                parts.append(_find_resized(item.finder, frame, size))
        merged = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        keep = nms(merged.xyxy, merged.det_score, max_iou=MAX_IOU)
        return Candidates(*(column[keep] for column in merged))


def fitted_size(height: int, width: int, long_side_px: int) -> tuple[int, int]:
    """Return the height and width that a frame is resized to for a pass."""
    scale = min(long_side_px / max(height, width), _MAX_ENLARGEMENT)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _find_resized(finder: Finder, frame: U8, size: tuple[int, int]) -> Candidates:
    height, width = size
    shrinks = height < frame.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: Any = cv2.resize(frame, (width, height), interpolation=how)
    padded = np.zeros((_round_up(height), _round_up(width), 3), np.uint8)
    padded[:height, :width] = resized
    found = _plausible(finder.find(padded))
    back = np.array([frame.shape[1] / width, frame.shape[0] / height], np.float32)
    return Candidates(found.xyxy * np.tile(back, 2), found.kps * back, found.det_score)


def _plausible(found: Candidates) -> Candidates:
    """Drop empty and non-finite boxes, and all but the best of too many."""
    sides = found.xyxy[:, 2:] - found.xyxy[:, :2]
    values = np.concatenate([found.xyxy, found.kps.reshape(-1, 10)], axis=1)
    good = np.asarray(np.isfinite(values).all(axis=1) & (sides > 1).all(axis=1))
    order = np.argsort(-found.det_score, kind="stable")
    keep = order[good[order]][:_MAX_CANDIDATES]
    return Candidates(*(column[keep] for column in found))


def _round_up(side: int) -> int:
    return -(-side // _STRIDE_PX) * _STRIDE_PX
