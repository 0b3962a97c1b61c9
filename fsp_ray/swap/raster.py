"""From triangles to maps: what each pixel of a region reads, painted far to near."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32

I32 = npt.NDArray[np.int32]

_SUBPIXEL_BITS: Final = 4
_MIN_HEIGHT_PX: Final = 0.5
# A triangle that far away cannot reach the window, and OpenCV's fixed point would overflow.
_FAR_PX: Final = 2.0**14


class Window(NamedTuple):
    """A part of the frame, half-open, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left


def paint_triangles(corners: F32, order: npt.NDArray[np.intp], shape: tuple[int, int]) -> I32:
    """Return which triangle is seen at each pixel, i32[h, w]: 1 + its index, or 0 for none.

    The painter's algorithm: later ones of `order` hide earlier ones. Edges are drawn wide by
    OpenCV, so that neighbours leave no gap.

    Args:
        corners: f32[T, 3, 2], in pixels, centres at .5.
        order: indices of the triangles to draw, farthest first.
        shape: height and width.
    """
    painted = np.zeros(shape, np.int32)
    near = np.abs(corners).max(axis=(1, 2)) < _FAR_PX
    fixed = np.round((np.clip(corners, -_FAR_PX, _FAR_PX) - 0.5) * (1 << _SUBPIXEL_BITS))
    polygons = fixed.astype(np.int32)
    for index in order[near[order]].tolist():
        cv2.fillConvexPoly(painted, polygons[index], index + 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return painted


def affine_coefficients(corners: F32, values: F32) -> F32:
    """Return f32[C, T, 3]: a, b, c with value = a·x + b·y + c over each triangle.

    Slivers run along their longest edge and not across: they are painted wider than they are,
    and the slopes across would lead far beyond their corners.

    Args:
        corners: f32[T, 3, 2], in pixels.
        values: f32[T, 3, C] at the corners.
    """
    origin = corners[:, 0]
    first, second = corners[:, 1] - origin, corners[:, 2] - origin
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    squared = ((np.roll(corners, -1, axis=1) - corners) ** 2).sum(axis=2)
    sliver = np.abs(area) <= _MIN_HEIGHT_PX * np.sqrt(squared.max(axis=1))
    area = np.where(sliver, np.inf, area)[:, None]
    rise_first = values[:, 1] - values[:, 0]
    rise_second = values[:, 2] - values[:, 0]
    a = (rise_first * second[:, 1:] - rise_second * first[:, 1:]) / area
    b = (rise_second * first[:, :1] - rise_first * second[:, :1]) / area
    c = values[:, 0] - a * origin[:, :1] - b * origin[:, 1:]
    at = np.flatnonzero(sliver)
    first_end = squared[at].argmax(axis=1)
    ends = np.stack([first_end, (first_end + 1) % 3])
    start, stop = corners[at, ends[0]], corners[at, ends[1]]
    along = (stop - start) / np.maximum(squared[at, first_end], 1e-9)[:, None]
    rise = values[at, ends[1]] - values[at, ends[0]]
    a[at], b[at] = rise * along[:, :1], rise * along[:, 1:]
    c[at] = values[at, ends[0]] - a[at] * start[:, :1] - b[at] * start[:, 1:]
    return np.stack([a, b, c], axis=-1).transpose(1, 0, 2).astype(np.float32)


def evaluate(painted: I32, coefficients: F32, step: int = 1) -> F32:
    """Return f32[h, w, C]: the affine values at the middle of each square of `step` pixels.

    Pixels of no triangle get 0. The sides of `painted` must be whole multiples of `step`.
    """
    middle = step // 2
    seen = np.ascontiguousarray(painted[middle::step, middle::step])
    height, width = seen.shape
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) * np.float32(step)
    y = (np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)) * np.float32(step)
    nothing = np.zeros((1, 3), np.float32)
    out = np.empty((height, width, len(coefficients)), np.float32)
    for channel, per_triangle in enumerate(coefficients):
        table = np.concatenate([nothing, per_triangle])
        value = np.take(table[:, 0], seen)
        value *= x
        slope = np.take(table[:, 1], seen)
        slope *= y
        value += slope
        value += np.take(table[:, 2], seen)
        out[:, :, channel] = value
    return out
