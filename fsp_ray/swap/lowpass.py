"""The light on a face: its skin, low-passed. Coarser than any mark that tells who somebody is."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX, U8
from fsp_ray.swap.masks import halve, rim_mask, skin_mask

# Added before the logarithm: the texture codes n = log((T + 4) / (LP(T) + 4)).
OFFSET: Final = 4.0
_SIDE_PX: Final = TEXTURE_PX // 4
# Widths of Gaussians, in texels of the 256² texture: on the face, and near its edge, where light
# goes over into what lies beyond.
_SIGMA, _RIM_SIGMA = 36.0, 16.0
# Skin that is this much darker (log) than the light about it is hair, a shadowed nostril, a frame
# of spectacles: it says nothing about the light. At the edge, faces turn away from it.
_DARK, _RIM_DARK = 0.35, 0.6
# So much of the skin about must be seen for the light near the edge to count in full.
_KNOWN: Final = 0.3


def low_pass_light(texture: U8 | F32, seen: F32) -> F32:
    """Return LP(I) + 4 over the skin, f32[64, 64, 3], spread to where no skin is seen.

    A normalised Gaussian, done twice: the second time without what is far darker than its
    surroundings. Near the edge of the face a narrower one takes over, where it sees enough.

    Args:
        texture: [128, 128, 3], grey levels.
        seen: f32[128, 128], how well each texel is seen, 0..1.
    """
    small = cv2.resize(texture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    image = small.astype(np.float32) + np.float32(OFFSET)
    skin = resize(seen * halve(skin_mask()), _SIDE_PX) + np.float32(1e-4)
    light, _ = _normalised_blur(image, skin, _SIGMA)
    shadow = np.log(luminance(image) / luminance(light))
    light, _ = _normalised_blur(image, skin * _but(shadow, _DARK) + np.float32(1e-5), _SIGMA)
    near, known = _normalised_blur(image, skin * _but(shadow, _RIM_DARK), _RIM_SIGMA)
    share = _rim() * np.clip(known / _KNOWN, 0, 1)
    return np.asarray(light + share[:, :, None] * (near - light), np.float32)


def _but(shadow: F32, dark: float) -> F32:
    """Return 1 on skin in the light, 0 on what is darker by twice `dark`."""
    return np.clip(2 + shadow / np.float32(dark), 0, 1)


def luminance(image: npt.NDArray[np.generic]) -> F32:
    """Return the luminance of [H, W, 3] as f32[H, W]."""
    return np.asarray(image, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def resize(image: F32, side_px: int) -> F32:
    """Return a square image at another size, interpolated."""
    resized = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def _normalised_blur(image: F32, weight: F32, sigma: float) -> tuple[F32, F32]:
    """Return the weighted mean about each place, and how much weight there was."""
    stacked = np.dstack([image * weight[:, :, None], weight])
    sigma_px = sigma * _SIDE_PX / TEXTURE_PX
    blurred = cv2.GaussianBlur(stacked, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
    total = np.asarray(blurred[:, :, 3], np.float32)
    mean = blurred[:, :, :3] / np.maximum(total, 1e-9)[:, :, None]
    return np.asarray(mean, np.float32), total


@functools.cache
def _rim() -> F32:
    small = cv2.resize(rim_mask(), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
