"""Textures without light and skin colour: log ratios to a skin-masked low-pass of themselves.

What is left is what makes a face: brows, eyes, nose, lips, beard, wrinkles. Tone and light come
from the frame that the face is put into.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, TEXTURE_PX, U8
from fsp_ray.synthesis.texels import filled, hull, texel_map
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    Region,
    load_topology,
)

SHAPE: Final = (TEXTURE_PX, TEXTURE_PX, 3)
# Added before the logarithm, so that black pixels don't run away. Grey levels.
_FLOOR: Final = 4.0
_SIGMA_PX: Final = 22.0
_SMALL_PX: Final = 64
# u8 = 128 + 80 n, as core.SyntheticFace says.
_ZERO, _GAIN = 128.0, 80.0
_THIRDS: Final = np.full((1, 3), 1 / 3, np.float32)
# Darker than this share of the skin's median is hair, spectacles or shade, not skin.
_DARK: Final = 0.55


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Parts of the texture, f32[256, 256] in 0..1 each.

    Attributes:
        face: inside the face oval, without eyes and mouth.
        skin: of it, without brows, lips, nostrils and the surroundings of the eyes.
        forehead, cheeks, chin, sides, frame: parts of the face; `chin` is where a beard grows
            (moustache included), `sides` the temples and the edge of the cheeks, `frame` where
            the rims of spectacles run, `brows` the eyebrows.
        core: 1 in the middle of the face, falling to 0 at the oval.
    """

    face: F32
    skin: F32
    forehead: F32
    cheeks: F32
    chin: F32
    sides: F32
    frame: F32
    brows: F32
    core: F32


@functools.cache
def areas() -> Areas:
    """Return the constant areas. Shared: read only."""
    region = texel_map().region
    face = np.isin(region, (Region.SKIN,)).astype(np.float32)
    features = _around(LEFT_BROW, grow_px=5) | _around(RIGHT_BROW, grow_px=5)
    features |= _around((*LEFT_EYE_UPPER, *LEFT_EYE_LOWER), grow_px=6)
    features |= _around((*RIGHT_EYE_UPPER, *RIGHT_EYE_LOWER), grow_px=6)
    brows = _around(LEFT_BROW, grow_px=1) | _around(RIGHT_BROW, grow_px=1)
    lips = _around((*OUTER_LIP_UPPER, *OUTER_LIP_LOWER), grow_px=3)
    nose = _around((98, 327, 2, 4), grow_px=4)
    inside = filled(hull(FACE_OVAL))
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    skin = face * ~(features | lips | nose) * (depth > 5)
    uv = load_topology().uv
    v, u = np.mgrid[0:TEXTURE_PX, 0:TEXTURE_PX] / TEXTURE_PX + 0.5 / TEXTURE_PX
    across = np.abs(u - 0.5)
    brow_v = float(uv[[*LEFT_BROW, *RIGHT_BROW], 1].min())
    eye_v, nose_v = float(uv[[33, 263], 1].mean()), float(uv[2, 1])
    lip_u = float(uv[291, 0]) - 0.5
    sides = (across > 0.27) & (depth > 3)
    chin = (v > nose_v) & (across < 1.5 * lip_u) & ~lips & (depth > 4)
    cheeks = (v > eye_v + 0.06) & (v < nose_v + 0.05) & (across > 0.12) & (across < 0.25)
    forehead = (v < brow_v - 0.015) & (across < 0.24) & (depth > 8)
    frame = (v > eye_v - 0.01) & (v < eye_v + 0.13) & (across < 0.27)
    frame &= ~_around((*LEFT_EYE_UPPER, *LEFT_EYE_LOWER), grow_px=7)
    frame &= ~_around((*RIGHT_EYE_UPPER, *RIGHT_EYE_LOWER), grow_px=7)
    core = np.clip((depth - 4) / 22, 0, 1)
    parts = (forehead, cheeks * skin, chin, sides, frame, brows)
    return Areas(
        *(np.asarray(p, np.float32) for p in (face, skin, *(p * face for p in parts), core))
    )


def log_ratio(texture: U8, weight: F32 | None = None) -> F32:
    """Return n = log((T + 4) / (LP(T) + 4)), f32[256, 256, 3].

    LP is a Gaussian of 22 px over skin alone, normalised by the skin that it saw, computed at a
    quarter of the size.

    Args:
        texture: u8[256, 256, 3].
        weight: f32[256, 256], how well each texel was seen; None for all.
    """
    check_array("texture", texture, np.uint8, SHAPE)
    level = texture.astype(np.float32)
    mask = skin_mask(texture, weight)
    low = masked_low_pass(level, mask)
    return np.log((level + _FLOOR) / (low + _FLOOR)).astype(np.float32)


def skin_mask(texture: U8, weight: F32 | None = None) -> F32:
    """Return where skin shows, f32[256, 256]: the constant area, less what is dark or unseen."""
    mask = areas().skin if weight is None else areas().skin * weight
    luminance = texture.max(axis=2).astype(np.float32)
    known = luminance[mask > 0.3]
    if known.size == 0:
        return areas().skin
    return mask * (luminance > _DARK * np.median(known))


def masked_low_pass(level: F32, mask: F32) -> F32:
    """Return the mask-normalised Gaussian of 22 px of f32[256, 256, 3]."""
    size = (_SMALL_PX, _SMALL_PX)
    small = cv2.resize(level * mask[:, :, None], size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    sigma = _SIGMA_PX * _SMALL_PX / TEXTURE_PX
    # A little of everything keeps the far corners from 0 / 0.
    share = cv2.GaussianBlur(share, (0, 0), sigma) + 1e-4
    mean = (small.sum(axis=(0, 1)) / max(float(mask.sum()) / 16, 1e-6)).astype(np.float32)
    total = cv2.GaussianBlur(small, (0, 0), sigma) + 1e-4 * mean
    low = total / share[:, :, None]
    out = cv2.resize(low, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_CUBIC)
    return np.maximum(out, 0).astype(np.float32)


def encode_ratio(ratio: F32) -> U8:
    """Return the log ratio as u8: 128 + 80 n, clipped (n within -1.6..1.58)."""
    return np.clip(np.rint(_ZERO + _GAIN * ratio), 0, 255).astype(np.uint8)


def decode_ratio(encoded: U8) -> F32:
    """Return n = (value - 128) / 80 as f32."""
    return (encoded.astype(np.float32) - np.float32(_ZERO)) / np.float32(_GAIN)


def skin_tone(texture: U8, weight: F32 | None = None) -> F32:
    """Return log(R/G), log(B/G) and the luminance (0..1) of the skin, f32[3].

    Raises:
        ValueError: no skin shows.
    """
    seen = areas().skin if weight is None else areas().skin * weight
    mask = (skin_mask(texture, weight) > 0.3) & (seen > 0.3)
    if mask.sum() < 200:
        raise ValueError("no skin shows in the texture")
    red, green, blue = np.median(texture[mask].astype(np.float64), axis=0) + 1
    luminance = (0.299 * red + 0.587 * green + 0.114 * blue) / 256
    return np.array([np.log(red / green), np.log(blue / green), luminance], np.float32)


def beard_score(ratio: F32) -> float:
    """Return mean log luminance of the cheeks less that of the chin: 0 for a bare one."""
    grey = ratio.mean(axis=2)
    where = areas()
    cheeks = float(np.median(grey[where.cheeks > 0]))
    return cheeks - float(grey[where.chin > 0].mean())


def brow_score(ratio: F32) -> float:
    """Return the mean log luminance of the eyebrows: the darker they are, the lower."""
    return float(ratio.mean(axis=2)[areas().brows > 0].mean())


def grey(ratio: F32) -> F32:
    """Return the mean of the channels, f32[H, W, 3] to f32[H, W]; quicker than numpy's."""
    return np.asarray(cv2.transform(ratio, _THIRDS), np.float32)


def blur(image: F32, sigma_px: float) -> F32:
    """Return a Gaussian blur, borders replicated; wide ones are computed at a smaller size."""
    shrink = 1
    while sigma_px / shrink > 4:
        shrink *= 2
    if shrink == 1:
        return np.asarray(
            cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.float32
        )
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _around(points: tuple[int, ...], *, grow_px: int) -> npt.NDArray[np.bool_]:
    """Return the convex hull of some points in the texture, grown by some texels."""
    size = (2 * grow_px + 1, 2 * grow_px + 1)
    grown = cv2.dilate(filled(hull(points)), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size))
    return np.asarray(grown, np.bool_)
