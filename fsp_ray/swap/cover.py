"""The irreversible fallback: what stands in for a face that cannot be swapped."""

from __future__ import annotations

import itertools
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, U8

CoverStyle = Literal["mosaic", "solid"]

MAX_CELLS: Final = 5  # along a side: at most 25 colour means are all that is left of a head
_GROWTH: Final = 1.25
# A smaller cell would leave a small face as it is.
_MIN_CELL_PX: Final = 6
_MIN_SIDE_PX: Final = 8.0
# A mosaic that moves over a face samples it anew in every frame; coarse colour steps and half
# the contrast keep many frames from adding up to a sharp picture.
_COLOUR_STEP: Final = 16
_CONTRAST: Final = 0.5
_SOLID_GREY: Final = 118
# Far beyond any frame, and safe to turn into an integer.
_FAR_PX: Final = 1e7


def cover(
    rgb: U8,
    xyxy: npt.NDArray[np.floating],
    points: F32 | None = None,
    *,
    style: CoverStyle = "mosaic",
) -> None:
    """Cover a head in place, so that nothing of the face can be had back.

    The covered region is a rounded box 1.25 times `xyxy`, joined with the hull of the mesh grown
    as much. Under `mosaic` it depends on the original through at most 25 colour means, which are
    also flattened and coarsely stepped; under `solid` it does not depend on it at all.

    Args:
        rgb: u8[H, W, 3], the frame.
        xyxy: [4] box corners in pixels; may be tiny, reversed, or reach outside of the frame.
        points: f32[468, 3] mesh in pixels, if there is one.
        style: `mosaic` or `solid`.

    Raises:
        ValueError: the box is not finite or the style is unknown; nothing was drawn.
    """
    if style not in ("mosaic", "solid"):
        raise ValueError(f"style can't be {style!r}; say mosaic or solid")
    if np.shape(xyxy) != (4,) or not np.isfinite(xyxy).all():
        raise ValueError("xyxy must be four finite numbers")
    hull = _grown_hull(points)
    box = _grown_box(xyxy)
    x0, y0, x1, y1 = region = _extent(box, hull)
    height, width = rgb.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left >= right or top >= bottom:
        return
    window = (left, top, right, bottom)
    colours = _mosaic(rgb, region, window) if style == "mosaic" else np.uint8(_SOLID_GREY)
    mask = _mask(box, hull, window)[:, :, None]
    np.copyto(rgb[top:bottom, left:right], colours, where=mask)


def _grown_box(xyxy: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    corners = np.clip(np.asarray(xyxy, dtype=np.float64), -_FAR_PX, _FAR_PX).reshape(2, 2)
    low, high = corners.min(axis=0), corners.max(axis=0)
    half = np.maximum((high - low) / 2 * _GROWTH, _MIN_SIDE_PX / 2)
    center = (low + high) / 2
    return np.concatenate([center - half, center + half])


def _grown_hull(points: F32 | None) -> npt.NDArray[np.float32] | None:
    """Return the convex hull of the mesh about its middle, grown; None where it says nothing."""
    if points is None or not np.isfinite(points).all():
        return None
    flat = np.clip(points[:, :2], -_FAR_PX, _FAR_PX).astype(np.float32)
    hull = np.asarray(cv2.convexHull(flat)[:, 0], np.float32)
    middle = (hull.min(axis=0) + hull.max(axis=0)) / 2
    return np.clip(middle + (hull - middle) * _GROWTH, -_FAR_PX, _FAR_PX).astype(np.float32)


def _extent(
    box: npt.NDArray[np.float64], hull: npt.NDArray[np.float32] | None
) -> tuple[int, int, int, int]:
    low, high = box[:2], box[2:]
    if hull is not None:
        low, high = np.minimum(low, hull.min(axis=0)), np.maximum(high, hull.max(axis=0))
    x0, y0 = np.floor(low).astype(int)
    x1, y1 = np.ceil(high).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _mask(
    box: npt.NDArray[np.float64],
    hull: npt.NDArray[np.float32] | None,
    window: tuple[int, int, int, int],
) -> npt.NDArray[np.bool_]:
    """Return bool[h, w]: the rounded box and the hull, within the window of the frame."""
    left, top, right, bottom = window
    center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    across = (np.arange(left, right) + 0.5 - center[0]) / half[0]
    down = (np.arange(top, bottom) + 0.5 - center[1]) / half[1]
    # A superellipse of power 4 holds the corners of the box it is grown from: 2 / 1.25⁴ < 1.
    mask: npt.NDArray[np.bool_] = across[None] ** 4 + down[:, None] ** 4 <= 1
    if hull is not None:
        filled = np.zeros(mask.shape, np.uint8)
        # Clipped to just past the window: OpenCV's fixed point overflows on far-away corners.
        corners = _clip_polygon(hull.astype(np.float64), window)
        if len(corners) > 2:
            cv2.fillConvexPoly(filled, np.round(corners - [left, top]).astype(np.int32), 1)
            mask |= filled.astype(np.bool_)
    return mask


def _clip_polygon(
    corners: npt.NDArray[np.float64], window: tuple[int, int, int, int]
) -> npt.NDArray[np.float64]:
    """Return a convex polygon cut to the window by Sutherland and Hodgman (CACM 1974)."""
    left, top, right, bottom = window
    edges = ((0, 1, left - 2), (0, -1, -right - 2), (1, 1, top - 2), (1, -1, -bottom - 2))
    for axis, sign, limit in edges:
        inside = sign * corners[:, axis] - limit
        following = np.roll(corners, -1, axis=0)
        inside_following = np.roll(inside, -1)
        kept: list[npt.NDArray[np.float64]] = []
        for a, b, da, db in zip(corners, following, inside, inside_following, strict=True):
            if da >= 0:
                kept.append(a)
            if (da >= 0) != (db >= 0):
                kept.append(a + (b - a) * da / (da - db))
        if not kept:
            return np.empty((0, 2))
        corners = np.array(kept)
    return corners


def _mosaic(rgb: U8, region: tuple[int, int, int, int], window: tuple[int, int, int, int]) -> U8:
    """Return u8[h, w, 3] for the window: every cell of the region in its own mean colour."""
    left, top, right, bottom = window
    columns = _cell_edges(region[0], region[2], left, right)
    rows = _cell_edges(region[1], region[3], top, bottom)
    means = np.empty((len(rows) - 1, len(columns) - 1, 3))
    for i, (y0, y1) in enumerate(itertools.pairwise(rows)):
        for j, (x0, x1) in enumerate(itertools.pairwise(columns)):
            means[i, j] = cv2.mean(rgb[y0:y1, x0:x1])[:3]
    means = means.mean(axis=(0, 1)) + _CONTRAST * (means - means.mean(axis=(0, 1)))
    stepped = ((means // _COLOUR_STEP + 0.5) * _COLOUR_STEP).astype(np.uint8)
    return np.repeat(np.repeat(stepped, np.diff(rows), axis=0), np.diff(columns), axis=1)


def _cell_edges(start: int, stop: int, low: int, high: int) -> list[int]:
    """Return the edges of the cells of start..stop that lie in low..high, ascending."""
    cells = int(np.clip((stop - start) // _MIN_CELL_PX, 1, MAX_CELLS))
    edges = np.round(np.linspace(start, stop, cells + 1)).astype(int)
    inner = [int(edge) for edge in edges if low < edge < high]
    return [low, *inner, high]
