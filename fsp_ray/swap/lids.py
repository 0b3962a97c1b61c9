"""Lids that fall: how far they are to, and the skin that is drawn over what the open eye showed."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, NUM_POINTS, U8, SourceFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.gaze import EYES, EyeFrame, eye_frame
from fsp_ray.swap.raster import Window
from fsp_ray.synthesis.topology import load_topology

# The fold above each eye, points of the mesh from left to right like its rims.
FOLDS: Final = (
    (130, 247, 30, 29, 27, 28, 56, 190, 243),
    (463, 414, 286, 258, 257, 259, 260, 467, 359),
)
# Of how far the eye is mostly open, what reads as shut. A blink takes four frames, of which film
# blurs two: read, its eye hardly ever shuts. From there to the usual, and a little beyond, lids
# move as much farther: painted ones, smooth and without lashes, show less of a movement.
_SHUT: Final = 0.45
_WIDEST: Final = 0.2
_RISE, _FALL = 0.03, 0.01
_LEAST_OPENING: Final = 0.12
# Points this far above the rim, face widths, follow the lid by about half.
_REACH: Final = 0.018
# Lids that are shut by so much show the skin that the open eye folds away, from little to all.
_UNFOLDED: Final = (0.17, 0.45)
# In eye widths: how far over the fold and under the lower rim the lid's ends take their colours,
# how soft its edges are, and how wide the line of lashes.
_OVER: Final = 0.07
_DARKEST: Final = 0.85
_CHEEK: Final = 0.28
_SOFT: Final = 0.13
# Its share of smooth skin, against what the texture has there.
_FLAT: Final = 0.85
_UNDER: Final = 0.08
_LASHES: Final = 0.04
_LASH_SHADE: Final = np.array([0.33, 0.42, 0.46])
_COLUMNS: Final = np.linspace(-0.46, 0.46, 11)
_SHAPE_PX: Final = 200


class Lids:
    """Follows how far both eyes of one track are shut."""

    def __init__(self, source: SourceFace) -> None:
        opening = _opening(source.shape * np.float32(_SHAPE_PX))
        self._level = max(opening or 0.0, _LEAST_OPENING)

    def follow(self, points: F32) -> float:
        """Return how far the lids are shut, by one mesh f32[468, 3].

        0 as read, 1 shut, down to -.2 where eyes are wider open than usual. Both fall
        together: a wink is rarer than a wrong measure.
        """
        opening = _opening(points)
        if opening is None:
            return 0.0
        if opening > _SHUT * self._level:
            rate = _RISE if opening > self._level else _FALL
            self._level = max(self._level + rate * (opening - self._level), _LEAST_OPENING)
        share = opening / self._level
        wanted = (share - _SHUT) / (1 - _SHUT)
        return float(np.clip(1 - wanted / max(share, _SHUT), -_WIDEST, 1))


def unfolded(closed: float) -> float:
    """Return how much of the lid's skin is seen when it is shut by so much, both 0..1."""
    return float(np.clip((closed - _UNFOLDED[0]) / (_UNFOLDED[1] - _UNFOLDED[0]), 0, 1))


def lowered(points: F32, closed: float) -> F32:
    """Return how the points about both eyes move to shut the lids so far, f32[468, 3].

    Args:
        points: f32[468, 3], the source's mesh, pixels.
        closed: 0 leaves the opening as it is read, 1 closes it, less than 0 widens it.
    """
    if closed == 0:
        return np.zeros((NUM_POINTS, 3), np.float32)
    gaps = np.concatenate([points[list(lower)] - points[list(upper)] for upper, lower in EYES])
    return np.asarray(np.float32(closed) * (_following() @ gaps), np.float32)


@functools.cache
def _following() -> F32:
    """Return f32[468, 18], how much each point goes with each pair of the rims.

    The upper rim goes whole, the skin over it less the farther it is.
    """
    shape = load_topology().mean_shape.astype(np.float64)
    uppers = [point for upper, _ in EYES for point in upper]
    away = np.linalg.norm(shape[:, None] - shape[uppers], axis=2)
    nearest = np.exp(-((away - away.min(axis=1, keepdims=True)) / 0.01))
    nearest /= nearest.sum(axis=1, keepdims=True)
    above = shape[:, 1] < (nearest @ shape[uppers])[:, 1]
    share = above * np.exp(-((away.min(axis=1) / _REACH) ** 2))
    share[[point for _, lower in EYES for point in lower]] = 0
    following = nearest * share[:, None]
    following[uppers] = np.eye(len(uppers))
    return np.asarray(following, np.float32)


def _opening(points: F32) -> float | None:
    """Return how far the eyes are open in eye widths, the one seen larger counting more."""
    frames = [frame for rims in EYES if (frame := eye_frame(points, rims))]
    if not frames:
        return None
    weights = [frame.width_px for frame in frames]
    return float(np.average([frame.opening for frame in frames], weights=weights))


def draw_lid(picture: U8, window: Window, eye: EyeFrame, fold: F64, amount: float) -> None:
    """Draw the skin of a fallen lid from its fold down to its rim, and its lashes, in place.

    What the texture has there was folded away, or was the dark rim of an open eye. Drawn is
    what runs from the colours at the fold to those of the cheek.

    Args:
        picture: u8[h, w, 3], the window of the frame that the face is drawn into.
        window: of the frame.
        eye: the drawn eye, its upper lid where it is now.
        fold: f64[9, 2], the fold above it in the eye's a, b.
        amount: how much of it is drawn, 0..1.
    """
    grid = _grid(eye, fold, window, picture.shape)
    if grid is None:
        return
    part, a, b = grid
    top, edge, low = (np.interp(a, line[:, 0], line[:, 1]) for line in (fold, eye.upper, eye.lower))
    ends = _ends(picture, window, eye, fold)
    above, beneath = (
        np.stack([np.interp(a, _COLUMNS, end[:, channel]) for channel in range(3)], axis=-1)
        for end in ends
    )
    # A shadow in the socket stays there: lids are lit like cheeks.
    above = np.maximum(above, _DARKEST * beneath)
    top = top - _OVER
    down = np.clip((b - top) / np.maximum(low + _CHEEK - top, 1e-3), 0, 1)[:, :, None]
    view = picture[part]
    lid = _FLAT * (above + down * (beneath - above)) + (1 - _FLAT) * view
    lid *= 1 - _LASH_SHADE * np.exp(-(((b - edge) / _LASHES) ** 2))[:, :, None]
    alpha = np.clip((b - top) / _SOFT, 0, 1) * np.clip((edge + _UNDER - b) / _UNDER, 0, 1)
    alpha *= np.clip((0.66 - np.abs(a)) / 0.16, 0, 1) * amount
    view[:] = np.round(view + alpha[:, :, None] * (np.clip(lid, 0, 255) - view))


def _ends(picture: U8, window: Window, eye: EyeFrame, fold: F64) -> tuple[F64, F64]:
    """Return the colours at the fold and under the lower rim, f64[11, 3] each, calmed."""
    lines = [(fold, -_OVER), (eye.lower, _CHEEK)]
    colours: list[F64] = []
    for line, under in lines:
        row = np.interp(_COLUMNS, line[:, 0], line[:, 1]) + under
        places = np.stack([_COLUMNS, row], axis=1) @ eye.axes.T + eye.middle
        x, y = (places - (window.left + 0.5, window.top + 0.5)).astype(np.float32).T
        seen = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = np.asarray(seen, np.float64).reshape(-1, 3)
        calm = cv2.blur(seen, (1, 5), borderType=cv2.BORDER_REPLICATE)
        colours.append(np.asarray(calm, np.float64))
    return colours[0], colours[1]


def _grid(
    eye: EyeFrame, fold: F64, window: Window, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], F64, F64] | None:
    """Return the part of the window about an eye, and the eye's coordinates a, b there."""
    rims = np.concatenate([fold - np.array([0, _OVER]), eye.lower + np.array([0, _UNDER])])
    rims = rims @ eye.axes.T + eye.middle - (window.left, window.top)
    left, top = np.clip(np.floor(rims.min(axis=0)).astype(int), 0, (shape[1], shape[0]))
    right, bottom = np.clip(np.ceil(rims.max(axis=0)).astype(int), 0, (shape[1], shape[0]))
    if left >= right or top >= bottom:
        return None
    x = np.arange(left, right) + 0.5 + window.left - eye.middle[0]
    y = np.arange(top, bottom)[:, None] + 0.5 + window.top - eye.middle[1]
    inverse = np.linalg.inv(eye.axes)
    a, b = (row[0] * x + row[1] * y for row in inverse)
    return (slice(int(top), int(bottom)), slice(int(left), int(right))), a, b
