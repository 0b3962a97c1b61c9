"""Last touches to a made texture: no glare, no orange lids, no lipstick on everybody."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, TEXTURE_PX, U8
from fsp_ray.synthesis.texture import areas, blur, grey
from fsp_ray.synthesis.topology import (
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    load_topology,
)

# Patches brighter than this are glare: on skin, and on lids and brows.
_BRIGHTEST, _BRIGHTEST_BROW = 0.12, 0.04
_GLARE_SHARE, _GLARE_SIGMA_PX = np.float32(0.85), 2.4
_BROWS_GROWN_PX: Final = 23
_PALER_LIDS, _LID_DEPTH = np.float32(0.75), np.float32(0.35)
# Lips in generated portraits are twice as red and blue against green as people's (measured on
# means over both): what share of it stays, by gender.
_LIP_RED: Final[dict[Gender, float]] = {"female": 0.75, "male": 0.55}
_LIP_BLUE: Final = 0.45


def finish(ratio: F32, gender: Gender) -> F32:
    """Return a log-ratio texture f32[256, 256, 3] without what gives it away."""
    return natural_lips(without_glare(ratio), gender)


def without_glare(ratio: F32) -> F32:
    """Return a texture f32[256, 256, 3] whose skin, lids and brows nowhere shine.

    Where a pale brow takes the place of a dark one, their difference would be brighter than skin.
    """
    level_here = grey(ratio)
    ceiling, near_eyes = _ceilings()
    level = blur(level_here, _GLARE_SIGMA_PX)
    level += near_eyes * (np.maximum(level_here, level) - level)
    calm = ratio - (_GLARE_SHARE * np.maximum(level - ceiling, 0))[:, :, None]
    # The same red shadow that suits a dark lid looks orange on a bright one.
    level_here = grey(np.asarray(calm, np.float32))
    pale = _PALER_LIDS * near_eyes * np.clip(1 + level_here / _LID_DEPTH, 0, 1)
    return np.asarray(calm - pale[:, :, None] * (calm - level_here[:, :, None]), np.float32)


def natural_lips(ratio: F32, gender: Gender) -> F32:
    """Return a texture f32[256, 256, 3] whose lips are as red as people's."""
    lips, out = _lips(), ratio.copy()
    for channel, kept in ((0, _LIP_RED[gender]), (2, _LIP_BLUE)):
        out[:, :, channel] -= np.float32(1 - kept) * lips * (ratio[:, :, channel] - ratio[:, :, 1])
    return out


@functools.cache
def _ceilings() -> tuple[F32, F32]:
    """Return how bright a texture may be, and where eyes and brows are, f32[256, 256] each."""
    features = areas().brows.astype(np.uint8)
    for upper, lower in ((LEFT_EYE_UPPER, LEFT_EYE_LOWER), (RIGHT_EYE_UPPER, RIGHT_EYE_LOWER)):
        features |= _filled((*upper, *lower[-2:0:-1]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BROWS_GROWN_PX, _BROWS_GROWN_PX))
    near_eyes = blur(np.asarray(cv2.dilate(features, kernel), np.float32), 3.0)
    ceiling = _BRIGHTEST + near_eyes * (_BRIGHTEST_BROW - _BRIGHTEST)
    return ceiling.astype(np.float32), near_eyes


@functools.cache
def _lips() -> F32:
    """Return the lips, softly edged, f32[256, 256]."""
    drawn = _filled((*OUTER_LIP_UPPER, *OUTER_LIP_LOWER[-2:0:-1]))
    return blur(np.asarray(cv2.dilate(drawn, np.ones((5, 5), np.uint8)), np.float32), 2.0)


def _filled(loop: tuple[int, ...]) -> U8:
    """Return u8[256, 256], 1 inside of a loop of mesh points."""
    corners = np.rint(load_topology().uv[list(loop)] * TEXTURE_PX - 0.5).astype(np.int32)
    drawn = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    cv2.fillPoly(drawn, [corners[:, None]], 1)
    return drawn
