"""Where an eye of the frame looks: its iris found as the dark disc in the opening of the lids."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8
from fsp_ray.faces.geometry import F64
from fsp_ray.synthesis.topology import (
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
)

# Rims of both eyes, each from its corner on the left of the picture to the one on the right.
EYES: Final = (
    (LEFT_EYE_UPPER, LEFT_EYE_LOWER),
    (RIGHT_EYE_UPPER[::-1], RIGHT_EYE_LOWER[::-1]),
)
# An iris measures 11.7 mm across nearly everyone, an opening of the lids some 30 mm.
IRIS_RADIUS: Final = 0.195
# The eye is looked at in a small picture of its own: that many pixels from corner to corner.
_EYE_PX: Final = 36
_PATCH: Final = (52, 32)
_REACH: Final = (0.3, 0.11)
# How much a place off the middle must gain in darkness, per squared eye width.
_PRIOR: Final = 1.6
_BRIGHT_SHARE: Final = 0.75
# Of the opening's darkness, what lies in its corners says nothing; nor does what is as light as
# the skin under the eye.
_MIDDLE: Final = 0.33
_SKIN_LIKE: Final = 0.9
# Skin that the rim's points let in is no white of the eye, lashes are no iris.
_RIM_PX: Final = 1
# How far a corner lies beyond the last points of the rims at least, eye widths.
_CORNER: Final = 0.03


@dataclass(frozen=True, slots=True)
class EyeFrame:
    """An eye's own coordinates: a from corner to corner (-.5 to .5), b down, one unit each way.

    Attributes:
        middle: f64[2], half-way between the corners, pixels.
        axes: f64[2, 2], columns: pixels for one unit of a and of b.
        upper, lower: f64[9, 2], the rims in a, b.
    """

    middle: F64
    axes: F64
    upper: F64
    lower: F64

    @property
    def width_px(self) -> float:
        """From corner to corner."""
        return float(np.hypot(*self.axes[:, 0]))

    @property
    def opening(self) -> float:
        """How far the lids are apart, in eye widths."""
        return float((self.lower[3:6, 1] - self.upper[3:6, 1]).mean())

    def inside(self, points: F32) -> F64:
        """Return points of the frame, [N, 2 or more], in the eye's coordinates, f64[N, 2]."""
        return (points[:, :2] - self.middle) @ np.linalg.inv(self.axes).T


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one eye.

    Attributes:
        place: f64[2], of the iris' middle in a, b.
        sure: 0..1.
        droop: how far down the opening its darkness lies, 0..1: a lid that falls takes the
            lashes down with it, while the mesh hardly follows.
        contrast: how much darker the iris is than the white, as a share of the white.
        white: f64[3], the colour of the white, grey levels.
        glint: f64[2], where light glances off, from the iris' middle in iris radii.
        glint_strength: 0..1.
    """

    place: F64
    sure: float
    droop: float
    contrast: float
    white: F64
    glint: F64
    glint_strength: float


def eye_frame(points: F32, rims: tuple[tuple[int, ...], tuple[int, ...]]) -> EyeFrame | None:
    """Return an eye's coordinates; None where the mesh shows it from the side."""
    upper, lower = (points[list(rim)].astype(np.float64) for rim in rims)
    first, last = upper[0], upper[-1]
    across = (last - first)[:2]
    seen, whole = float(np.hypot(*across)), float(np.linalg.norm(last - first))
    if seen < 2 or seen < 0.35 * whole:
        return None
    down = np.array([-across[1], across[0]]) / seen * min(whole, 1.6 * seen)
    middle = (first[:2] + last[:2]) / 2
    axes = np.stack([across, down], axis=1)
    inverse = np.linalg.inv(axes)
    above, below = ((rim[:, :2] - middle) @ inverse.T for rim in (upper, lower))
    _close(above, below)
    return EyeFrame(middle, axes, above, below)


def _close(above: F64, below: F64) -> None:
    """Let both rims f64[9, 2] run from left to right and meet at their ends, in place.

    On turned faces they may reach beyond where the mesh has the corner.
    """
    for end, next_to, outward in ((0, 1, -1), (-1, -2, 1)):
        near = (above[next_to] + below[next_to]) / 2
        if outward * near[0] > 0.5 - _CORNER:
            above[end] = below[end] = (near[0] + outward * _CORNER, near[1])
    for rim in (above, below):
        rim[:, 0] = np.maximum.accumulate(rim[:, 0])


def look_at(rgb: U8, eye: EyeFrame) -> Look | None:
    """Return what an eye of the frame shows, or None where its lids are all but closed.

    The iris is the disc that is darkest against the rest of the opening (Daugman's
    integro-differential operator, PAMI 1993, over the disc instead of its edge).
    """
    patch, opening = _patch(rgb, eye)
    weight = opening.astype(np.float32)
    if weight.sum() < 20:
        return None
    grey = np.asarray(patch @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
    disc = _disc()
    inside = np.maximum(cv2.filter2D(weight, -1, disc, borderType=cv2.BORDER_CONSTANT), 1e-3)
    dark = cv2.filter2D(grey * weight, -1, disc, borderType=cv2.BORDER_CONSTANT)
    total, count = float((grey * weight).sum()), float(weight.sum())
    outside = np.maximum(count - inside, 1e-3)
    fall = (total - dark) / outside - dark / inside
    spread = float(np.sqrt((weight * (grey - total / count) ** 2).sum() / count)) + 1
    covered = np.minimum(np.minimum(inside, outside) / (0.25 * count), 1)
    score = fall / spread * covered - _offset_cost(_middle_row(eye))
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    place = (np.array([column, row]) + 0.5 - np.array(_PATCH) / 2) / _EYE_PX
    sure = float(np.clip((score[row, column] - 0.35) / 0.8, 0, 1))
    white = _white(patch, grey, weight > 0)
    level = float(white @ np.array([0.299, 0.587, 0.114]))
    contrast = float(np.clip(fall[row, column] / max(level, 1.0), 0, 1))
    glint, strength = _glint(grey, weight, (int(column), int(row)), level)
    return Look(place, sure, _droop(grey, eye), contrast, white, glint, strength)


def _droop(grey: F32, eye: EyeFrame) -> float:
    """Return the height, in the opening, about which its darkness lies."""
    width, height = _PATCH
    a = (np.arange(width) + 0.5 - width / 2) / _EYE_PX
    b = (np.arange(height)[:, None] + 0.5 - height / 2) / _EYE_PX
    upper = np.interp(a, eye.upper[:, 0], eye.upper[:, 1])
    lower = np.interp(a, eye.lower[:, 0], eye.lower[:, 1])
    down = (b - upper) / np.maximum(lower - upper, 1e-3)
    middle = np.abs(a) < _MIDDLE
    skin = np.median(grey[(b > lower + 0.05) & (b < lower + 0.16) & middle])
    weight = np.clip(_SKIN_LIKE - grey / max(float(skin), 1.0), 0, 1)
    weight *= (down > 0.08) & (down < 0.96) & middle
    return float((weight * down).sum() / max(float(weight.sum()), 1e-6))


def _patch(rgb: U8, eye: EyeFrame) -> tuple[F32, U8]:
    """Return the eye's own picture, f32[32, 52, 3], and where the lids are open, u8[32, 52]."""
    to_frame = eye.axes / _EYE_PX
    center = np.array(_PATCH) / 2 - 0.5
    shift = eye.middle - 0.5 - to_frame @ center
    matrix = np.concatenate([to_frame, shift[:, None]], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(rgb, matrix, _PATCH, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    rim = np.concatenate([eye.upper, eye.lower[-2:0:-1]]) * _EYE_PX + np.array(_PATCH) / 2
    opening = np.zeros(_PATCH[::-1], np.uint8)
    cv2.fillPoly(opening, [np.round((rim - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    opening = cv2.erode(opening, np.ones((2 * _RIM_PX + 1, 1), np.uint8))
    return np.asarray(patch, np.float32), np.asarray(opening, np.uint8)


def _white(patch: F32, grey: F32, opening: np.ndarray) -> F64:
    known = grey[opening]
    bright = opening & (grey >= np.quantile(known, _BRIGHT_SHARE))
    return np.median(patch[bright], axis=0).astype(np.float64)


def _glint(grey: F32, weight: F32, at: tuple[int, int], level: float) -> tuple[F64, float]:
    """Return where in the iris it is brightest, in iris radii, and how clearly so."""
    radius = IRIS_RADIUS * _EYE_PX
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    near = ((x - at[0]) ** 2 + (y - at[1]) ** 2 <= (0.75 * radius) ** 2) & (weight > 0)
    if near.sum() < 6:
        return np.array([-0.2, -0.3]), 0.0
    values = np.where(near, grey, -1)
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    clear = (float(values[row, column]) - float(np.median(grey[near]))) / max(level, 1.0)
    return np.array([column - at[0], row - at[1]]) / radius, float(np.clip(clear / 0.6, 0, 1))


@functools.cache
def _disc() -> F32:
    radius = IRIS_RADIUS * _EYE_PX
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)


def _middle_row(eye: EyeFrame) -> int:
    """Return the row of the eye's own picture half-way between the lids."""
    middle = float((eye.upper[3:6, 1] + eye.lower[3:6, 1]).mean()) / 2
    return int(np.clip(round(middle * _EYE_PX), -6, 6))


@functools.cache
def _offset_cost(middle_row: int) -> F32:
    width, height = _PATCH
    a = (np.arange(width) + 0.5 - width / 2) / _EYE_PX
    b = (np.arange(height)[:, None] + 0.5 - height / 2 - middle_row) / _EYE_PX
    cost = _PRIOR * (a**2 + 3 * b**2)
    return np.where((np.abs(a) < _REACH[0]) & (np.abs(b) < _REACH[1]), cost, 99).astype(np.float32)
