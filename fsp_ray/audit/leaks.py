"""Does a published frame still show a face of the source? A comparison of what is to be seen there.

Both frames' inner face is shrunk to a small picture in which encoding, sharpness and light hardly
count, and compared by normalised correlation: of grey levels, of edges, and of edges part by part,
lest one strong line through the picture (a letterbox bar, a collar) speak for all of it. A
synthetic face keeps the light and the pose of the one below it, but none keeps both its shading
and its edges; a face that was merely encoded, dimmed, brightened or blurred keeps both.

Measured with the open pack on 268 faces of twelve clips (24 px, inner 70 % of the box):

| | correlation | edges | detail |
|---|---|---|---|
| swapped or covered, highest | .90 | .76 | .80 |
| left alone, x264 at crf 18, lowest | .997 | .96 | .80 |
| left alone, crf 28 and 20 % brighter or at gamma .7, lowest | .976 | .91 | .76 |
| left alone, crf 35, 1st percentile (lowest) | .952 (.939) | .82 (.78) | .82 (.65) |
| blurred by 3 px, lowest | .928 | .76 | .76 |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, U8

SAME_CORRELATION: Final = 0.92
SAME_EDGES: Final = 0.77
SAME_DETAIL: Final = 0.6
FLAT_LEVELS: Final = 2.5
"""Standard deviation in grey levels under which a region shows nothing: faces have 12 and more."""

COMPARED_SHARE: Final = 0.7
"""Share of a box's sides that is compared, about its middle."""

_SIDE_PX: Final = 24
_PARTS: Final = 4  # along a side
_MIN_SIDE_PX: Final = 4
_FAR_PX: Final = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How alike the regions of some boxes are in two frames.

    Attributes:
        correlation: f32[M], -1..1, of grey levels.
        edges: f32[M], -1..1, of their gradients.
        detail: f32[M], -1..1, the same in the median of those parts that show anything.
        contrast: f32[M], standard deviation in the source frame, grey levels; 0 where the box
            shows less than 4 x 4 pixels of the frame.
    """

    correlation: F32
    edges: F32
    detail: F32
    contrast: F32

    @property
    def shows_original(self) -> npt.NDArray[np.bool_]:
        """bool[M], True where the region shows the same face: a leak."""
        alike = (self.correlation >= SAME_CORRELATION) & (self.edges >= SAME_EDGES)
        alike &= self.detail >= SAME_DETAIL
        return np.asarray(alike & (self.contrast >= FLAT_LEVELS))


def likeness(before: U8, after: U8, xyxy: F32) -> Likeness:
    """Compare the inner part of every box in two frames.

    Args:
        before, after: u8[H, W, 3], the source frame and the published one.
        xyxy: f32[M, 4], boxes of faces in pixels; may reach outside of the frame.

    Raises:
        ValueError: the frames differ in size.
    """
    check_array("before", before, np.uint8, (None, None, 3))
    check_array("after", after, np.uint8, before.shape)
    check_array("xyxy", xyxy, np.float32, (None, 4))
    pairs = [_regions(before, after, box) for box in xyxy]
    values = np.array(
        [_compare(*pair) if pair else (0.0, 0.0, 0.0, 0.0) for pair in pairs], np.float32
    )
    return Likeness(*values.reshape(-1, 4).T)


def _regions(before: U8, after: U8, box: F32) -> tuple[F32, F32] | None:
    height, width = before.shape[:2]
    corners = np.clip(box.astype(np.float64), -_FAR_PX, _FAR_PX).reshape(2, 2)
    center, half = corners.mean(axis=0), (corners[1] - corners[0]) / 2 * COMPARED_SHARE
    left, top = np.maximum(np.floor(center - half), 0).astype(int)
    right, bottom = np.minimum(np.ceil(center + half), (width, height)).astype(int)
    if right - left < _MIN_SIDE_PX or bottom - top < _MIN_SIDE_PX:
        return None
    window = np.s_[top:bottom, left:right]
    return _small(before[window]), _small(after[window])


def _small(region: U8) -> F32:
    grey = cv2.cvtColor(np.ascontiguousarray(region), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _compare(a: F32, b: F32) -> tuple[float, float, float, float]:
    spread, edges = a - a.mean(), (_edges(a), _edges(b))
    return _cosine(spread, b - b.mean()), _cosine(*edges), _detail(a, *edges), float(a.std())


def _detail(a: F32, edges: F32, edges_after: F32) -> float:
    side = _SIDE_PX // _PARTS
    showing = a.reshape(_PARTS, side, _PARTS, side).std(axis=(1, 3)) >= FLAT_LEVELS
    if not showing.any():
        return 0.0
    shared = _by_part(edges * edges_after)
    length = np.sqrt(_by_part(edges * edges) * _by_part(edges_after * edges_after))
    return float(np.median((shared / np.maximum(length, 1e-6))[showing]))


def _by_part(values: F32) -> F32:
    """Sum f32[2, side - 1, side - 1] up, part by part."""
    side = _SIDE_PX // _PARTS
    whole = np.zeros((2, _SIDE_PX, _SIDE_PX), np.float32)
    whole[:, :-1, :-1] = values
    return whole.reshape(2, _PARTS, side, _PARTS, side).sum(axis=(0, 2, 4))


def _edges(small: F32) -> F32:
    corner = small[:-1, :-1]
    return np.stack([small[:-1, 1:] - corner, small[1:, :-1] - corner])


def _cosine(a: F32, b: F32) -> float:
    length = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / length if length > 1e-6 else 0.0
