"""Covers that leave the heads before them alone.

A cover is wider than the face below it, and so bites into the head that stands in front, which
already has a synthetic face. That head is kept where the cover is only margin: what is compared
for leaks, the middle of the covered box, is covered in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.audit import COMPARED_SHARE
from fsp_ray.core.face_types import F32, U8
from fsp_ray.swap.cover import CoverStyle, cover

_FOREHEAD, _CHIN = 10, 152  # of MediaPipe's mesh
# A head is that much larger than its mesh, which ends at the ears and below the hair; and higher.
_WIDER: Final = 1.25
_TALLER: Final = 1.4
_HIGHER: Final = 0.15  # shares of the mesh's height
# Beyond so many sizes of the covered box, nothing is kept.
_REACH: Final = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """An ellipse about a mesh: a head with its ears and hair.

    Attributes:
        center: f64[2], pixels.
        axes: f64[2, 2], unit vectors to its right and down.
        half: f64[2], half its width and height, pixels.
        size_px: of the face, the longer side of its box.
    """

    center: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]
    half: npt.NDArray[np.float64]
    size_px: float

    @classmethod
    def about(cls, points: F32, xyxy: F32) -> Head | None:
        """Return the head of a mesh f32[468, 3] in a box f32[4]; None if the mesh is degenerate."""
        flat = points[:, :2].astype(np.float64)
        down = flat[_CHIN] - flat[_FOREHEAD]
        length = float(np.linalg.norm(down))
        if not np.isfinite(flat).all() or length < 1:
            return None
        down /= length
        axes = np.stack([[down[1], -down[0]], down])
        along = flat @ axes.T
        low, high = along.min(axis=0), along.max(axis=0)
        size = high - low
        middle = (low + high) / 2 - [0, _HIGHER * size[1]]
        half = size / 2 * [_WIDER, _TALLER]
        return cls(middle @ axes, axes, half, float((xyxy[2:] - xyxy[:2]).max()))

    def mask(self, left: int, top: int, right: int, bottom: int) -> npt.NDArray[np.bool_]:
        """Return bool[h, w], True on the head, for a part of the frame."""
        x = np.arange(left, right) + 0.5 - self.center[0]
        y = (np.arange(top, bottom) + 0.5 - self.center[1])[:, None]
        across, along = (
            (axis[0] * x + axis[1] * y) / half
            for axis, half in zip(self.axes, self.half, strict=True)
        )
        return np.asarray(across**2 + along**2 <= 1)


def cover_behind(
    rgb: U8,
    xyxy: F32,
    points: F32 | None,
    heads: Sequence[Head],
    *,
    style: CoverStyle = "mosaic",
) -> None:
    """Cover a face in place, but not the heads in front of it: those with a larger face.

    Args:
        rgb: u8[H, W, 3], the frame.
        xyxy: f32[4], box of the face.
        points: its mesh, if there is one.
        heads: that have, or are about to get, a synthetic face in this frame.
        style: as of `cover`.

    Raises:
        ValueError: the box is not finite; nothing was drawn.
    """
    size_px = float((xyxy[2:] - xyxy[:2]).max())
    kept = [
        (view, view.copy(), mask)
        for head in heads
        if head.size_px > size_px
        for view, mask in [_kept(rgb, xyxy, head)]
    ]
    cover(rgb, xyxy, points, style=style)
    for view, before, mask in kept:
        np.copyto(view, before, where=mask[:, :, None])


def _kept(rgb: U8, xyxy: F32, head: Head) -> tuple[U8, npt.NDArray[np.bool_]]:
    """Return the part of the frame about a box, and where the head is kept there."""
    left, top, right, bottom = _window(rgb, xyxy, _REACH)
    mask = head.mask(left, top, right, bottom)
    x1, y1, x2, y2 = _window(rgb, xyxy, COMPARED_SHARE)
    mask[max(y1 - top, 0) : max(y2 - top, 0), max(x1 - left, 0) : max(x2 - left, 0)] = False
    return rgb[top:bottom, left:right], mask


def _window(rgb: U8, xyxy: F32, share: float) -> tuple[int, int, int, int]:
    """Return the whole pixels of a box grown or shrunk about its middle, within the frame."""
    height, width = rgb.shape[:2]
    corners = np.nan_to_num(xyxy.astype(np.float64), posinf=1e6, neginf=-1e6).reshape(2, 2)
    center, half = corners.mean(axis=0), np.abs(corners[1] - corners[0]) / 2 * share
    left, top = np.clip(np.floor(center - half), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(center + half), 0, (width, height)).astype(int)
    return int(left), int(top), int(right), int(bottom)
