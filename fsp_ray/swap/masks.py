"""Which part of the texture is put on, and which part of it is plain skin: drawn once in UV."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX, U8
from fsp_ray.synthesis.texels import filled, hull
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    load_topology,
)

# Texels a face width, about: the middle of the texture is the front view.
TEXELS_PER_FACE: Final = 200
# Over lids and lips the synthetic skin comes in fast, or the source's own contours show double.
_RIM_TEXELS: Final = 3
_LID_TEXELS: Final = 1.5
_LIP_EDGE_TEXELS: Final = 1.2
# From the lips down so many texels, the edge grows softer by this share.
_JAW_TEXELS: Final = 30.0
_JAW_SOFTER: Final = 1.0
# How far the light from beyond the edge reaches.
_EDGE_TEXELS: Final = 18
_BEARD_EDGE_TEXELS: Final = 4.0

_LEFT_EYE: Final = (*LEFT_EYE_UPPER, *LEFT_EYE_LOWER[-2:0:-1])
_RIGHT_EYE: Final = (*RIGHT_EYE_UPPER, *RIGHT_EYE_LOWER[-2:0:-1])
_INNER_LIPS: Final = (*INNER_LIP_UPPER, *INNER_LIP_LOWER[-2:0:-1])
_OUTER_LIPS: Final = (*OUTER_LIP_UPPER, *OUTER_LIP_LOWER[-2:0:-1])
_NOSE: Final = (98, 327, 2, 4, 168, 129, 358)
# Cheeks between eye, nose and jaw: skin that is hardly ever hidden.
_CHEEKS: Final = ((50, 101, 36, 205, 187, 123), (280, 330, 266, 425, 411, 352))


def opacity(feather: float) -> U8:
    """Return u8[256, 256], how much of the synthetic texture covers the source, 255 for all.

    Soft inside of the oval over `feather` face widths; nothing over eyes and the inner mouth.
    """
    face = filled(FACE_OVAL)
    # A beard goes on beyond the jaw: there the edge is softer still.
    lip_row = _texels(_OUTER_LIPS)[:, 1].max()
    jaw = np.clip((np.arange(TEXTURE_PX)[:, None] - lip_row) / _JAW_TEXELS, 0, 1)
    width = np.maximum(1.0, feather * TEXELS_PER_FACE) * (1 + _JAW_SOFTER * jaw)
    soft = np.clip(_distance_inside(face) / width, 0, 1)
    # A smooth step has no visible crease at either end.
    soft = soft * soft * (3 - 2 * soft)
    eyes, mouth = filled(_LEFT_EYE) | filled(_RIGHT_EYE), filled(_INNER_LIPS)
    soft *= np.clip(_distance_inside(1 - eyes) / _LID_TEXELS, 0, 1)
    soft *= np.clip(_distance_inside(1 - mouth) / _RIM_TEXELS, 0, 1)
    return np.round(255 * soft).astype(np.uint8)


@functools.cache
def skin_mask() -> F32:
    """Return f32[256, 256], 1 on plain skin: no brows, eyes or lips, nor the oval's rim."""
    features = cv2.dilate(_features(), np.ones((7, 7), np.uint8))
    inside = _distance_inside(filled(FACE_OVAL)) > 8
    return (inside & (features == 0)).astype(np.float32)


@functools.cache
def cheek_mask() -> F32:
    """Return f32[256, 256], 1 on both cheeks."""
    return (filled(_CHEEKS[0]) | filled(_CHEEKS[1])).astype(np.float32)


@functools.cache
def feature_mask() -> F32:
    """Return f32[256, 256], 1 on the face with brows, nose and lips, without eyes and mouth."""
    holes = filled(_LEFT_EYE) | filled(_RIGHT_EYE) | filled(_INNER_LIPS)
    holes = cv2.dilate(holes, np.ones((5, 5), np.uint8))
    inside = _distance_inside(filled(FACE_OVAL)) > 16
    return (inside & (holes == 0)).astype(np.float32)


@functools.cache
def lip_mask() -> F32:
    """Return f32[256, 256], 1 on the red of the lips, softly edged."""
    lips = filled(_OUTER_LIPS) & ~filled(_INNER_LIPS)
    return np.asarray(
        cv2.GaussianBlur(lips.astype(np.float32), (0, 0), _LIP_EDGE_TEXELS), np.float32
    )


@functools.cache
def plain_mask() -> F32:
    """Return f32[256, 256], 1 on skin clear of every feature, nose and lips with some margin."""
    features = _features() | filled(hull(_NOSE))
    features = cv2.dilate(features, np.ones((13, 13), np.uint8))
    inside = _distance_inside(filled(FACE_OVAL)) > 12
    return (inside & (features == 0)).astype(np.float32)


@functools.cache
def rim_mask() -> F32:
    """Return f32[256, 256], 1 at the face's edge, falling to 0 inside."""
    rim = 1 - np.clip(_distance_inside(filled(FACE_OVAL)) / _EDGE_TEXELS, 0, 1)
    return np.asarray(rim * rim * (3 - 2 * rim), np.float32)


@functools.cache
def edge_fade() -> F32:
    """Return f32[256, 256], 0 at the face's edge and beyond, rising to 1 inside."""
    soft = np.clip((_distance_inside(filled(FACE_OVAL)) - 6) / 28, 0, 1)
    return np.asarray(soft * soft * (3 - 2 * soft), np.float32)


@functools.cache
def beard_masks() -> tuple[F32, F32, F32]:
    """Return where moustache, chin beard and whiskers grow, f32[256, 256] each, softly edged."""
    uv = load_topology().uv * np.float32(TEXTURE_PX)
    v, u = np.mgrid[0:TEXTURE_PX, 0:TEXTURE_PX] + 0.5
    across = np.abs(u - TEXTURE_PX / 2)
    lip_u, edge_u = (abs(float(uv[i, 0]) - TEXTURE_PX / 2) for i in (291, 454))
    nose_v, mouth_v, ear_v = (float(uv[i, 1]) for i in (2, 291, 454))
    # Whiskers begin at the corners of the mouth and rise towards the ears.
    rise = np.clip((across - 1.2 * lip_u) / (edge_u - 1.2 * lip_u), 0, 1)
    top = nose_v + 3 + (ear_v - nose_v - 3) * rise
    grown = np.clip((v - top) / (2 + 28 * rise), 0, 1) * (_distance_inside(filled(FACE_OVAL)) > 2)
    grown *= cv2.dilate(filled(_OUTER_LIPS), np.ones((5, 5), np.uint8)) == 0
    beside = np.clip((across / lip_u - 1.05) / 0.35, 0, 1)
    below = v >= mouth_v
    parts = [grown * (1 - beside) * ~below, grown * (1 - beside) * below, grown * beside]
    soft = [cv2.GaussianBlur(p.astype(np.float32), (0, 0), _BEARD_EDGE_TEXELS) for p in parts]
    return soft[0], soft[1], soft[2]


def _features() -> U8:
    features = filled(_LEFT_EYE) | filled(_RIGHT_EYE) | filled(_OUTER_LIPS)
    for brow in (LEFT_BROW, RIGHT_BROW):
        features |= filled(hull(brow))
    return features


def halve(image: npt.NDArray[np.generic]) -> F32:
    """Return every other texel of a texture or mask, f32[128, 128, ...] of [256, 256, ...]."""
    return np.ascontiguousarray(image[::2, ::2], np.float32)


def _texels(loop: tuple[int, ...]) -> F32:
    return load_topology().uv[list(loop)] * np.float32(TEXTURE_PX)


def _distance_inside(mask: U8) -> F32:
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, np.float32)
