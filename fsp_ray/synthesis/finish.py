"""Last touches to a made texture: no glare, no orange lids, no smear over the nose."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.synthesis.texels import filled, hull
from fsp_ray.synthesis.texture import areas, blur, grey
from fsp_ray.synthesis.topology import (
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
)

# Patches brighter than this are glare: on skin, and on lids and brows.
_BRIGHTEST, _BRIGHTEST_BROW = 0.12, 0.04
_GLARE_SHARE, _GLARE_SIGMA_PX = np.float32(0.85), 2.4
_BROWS_GROWN_PX: Final = 23
# A nose's bridge darker than this all over is no shade: it looks smeared.
_DARKEST_BRIDGE, _SMEAR_SHARE, _SMEAR_SIGMA_PX = 0.08, np.float32(0.85), 5.0
_BRIDGE: Final = (168, 193, 417, 48, 278)
_PALER_LIDS, _LID_DEPTH = np.float32(0.75), np.float32(0.35)


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


def without_smear(ratio: F32) -> F32:
    """Return a texture f32[256, 256, 3] whose nose is nowhere broadly dark along its bridge."""
    level = blur(grey(ratio), _SMEAR_SIGMA_PX)
    dark = _bridge() * np.minimum(level + np.float32(_DARKEST_BRIDGE), 0)
    return np.asarray(ratio - (_SMEAR_SHARE * dark)[:, :, None], np.float32)


@functools.cache
def _bridge() -> F32:
    return blur(filled(hull(_BRIDGE)).astype(np.float32), 3.0)


@functools.cache
def _ceilings() -> tuple[F32, F32]:
    """Return how bright a texture may be, and where eyes and brows are, f32[256, 256] each."""
    features = areas().brows.astype(np.uint8)
    for upper, lower in ((LEFT_EYE_UPPER, LEFT_EYE_LOWER), (RIGHT_EYE_UPPER, RIGHT_EYE_LOWER)):
        features |= filled((*upper, *lower[-2:0:-1]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BROWS_GROWN_PX, _BROWS_GROWN_PX))
    near_eyes = blur(np.asarray(cv2.dilate(features, kernel), np.float32), 3.0)
    ceiling = _BRIGHTEST + near_eyes * (_BRIGHTEST_BROW - _BRIGHTEST)
    return ceiling.astype(np.float32), near_eyes
