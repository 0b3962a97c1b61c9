"""Fine lines of old skin: between the creases, and along them.

What roughness a young face's picture has is pores and the blocks of its compression; made
stronger, it is no old skin but a mask. So these are drawn from noise.
"""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX
from fsp_ray.synthesis.texture import areas, blur
from fsp_ray.synthesis.wrinkles import CREASES, curve_of

_YEARS: Final = (36.0, 84.0, 110.0)
_STRENGTHS: Final = (0.0, 1.0, 1.5)
# Widths of the noise and lengths of the lines, in pixels of a texture of so many, and n at
# full age.
_LINES: Final = ((256, 0.6, 7, 0.05), (128, 0.55, 5, 0.05))
# Coarser than so many times its width, noise makes no lines.
_BAND: Final = 3.0
# Lines are narrow and dark, the skin between them broad: share of the absolute value, and its
# mean over a normal distribution.
_SKEW, _MEAN_ABSOLUTE = 0.3, 0.8
# How far creases lead the lines about them, texels; away from creases they are fainter.
_FLOW_SIGMAS_PX: Final = (13.0, 26.0, 52.0)
_NEAR_SIGMA_PX: Final = 9.0
_FAR_SHARE: Final = 0.3


def draw_fine_lines(rng: np.random.Generator, age_years: float) -> F32:
    """Return the change of n that fine lines make, f32[256, 256]; 0 up to 36 years.

    Line integral convolution of noise (Cabral and Leedom, "Imaging vector fields using line
    integral convolution", 1993) along straight pieces. Draws the same amount of chance for every
    age.
    """
    noises = [rng.standard_normal((side, side), np.float32) for side, *_ in _LINES]
    total = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    strength = float(np.interp(age_years, _YEARS, _STRENGTHS))
    if strength == 0:
        return total
    for noise, (side, sigma, length, depth) in zip(noises, _LINES, strict=True):
        soft, drawn = blur(noise, sigma), np.zeros_like(noise)
        for x, y in _paths(side, length):
            drawn += cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        drawn -= blur(drawn, _BAND * sigma)
        drawn /= np.float32(drawn.std())
        dark = drawn + np.float32(_SKEW) * (np.abs(drawn) - np.float32(_MEAN_ABSOLUTE))
        whole = cv2.resize(dark, total.shape, interpolation=cv2.INTER_CUBIC)
        total -= np.float32(strength * depth) * whole
    return total * _share()


@functools.cache
def _paths(side: int, length: int) -> tuple[tuple[F32, F32], ...]:
    """Return places along the lines through each pixel: x and y, f32[side, side], by step."""
    flow = np.asarray(cv2.resize(_flow(), (side, side), interpolation=cv2.INTER_AREA), np.float32)
    v, u = np.mgrid[0:side, 0:side].astype(np.float32)
    steps = np.arange(length, dtype=np.float32) - np.float32(length // 2)
    return tuple((u + step * flow[:, :, 0], v + step * flow[:, :, 1]) for step in steps)


@functools.cache
def _flow() -> F32:
    """Return which way lines run at each texel, f32[256, 256, 2]: as the creases nearby do."""
    # Of twice the angle: lines have a direction, but neither is forward.
    doubled = np.zeros((TEXTURE_PX, TEXTURE_PX, 2), np.float32)
    for curve in _curves():
        way = np.gradient(curve, axis=0)
        angle = 2 * np.arctan2(way[:, 1], way[:, 0])
        x, y = _texels(curve)
        doubled[y, x] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    broad = np.zeros_like(doubled)
    for sigma in _FLOW_SIGMAS_PX:
        broad += blur(doubled, sigma) / np.float32(sigma**2)
    angle = np.arctan2(broad[:, :, 1], broad[:, :, 0]) / 2
    # Angles half a turn apart meet somewhere: resized, their means would vanish there.
    return np.dstack([np.cos(angle), np.sin(angle)]).astype(np.float32)


@functools.cache
def _share() -> F32:
    """Return how much of the lines each texel has, f32[256, 256]: none off skin."""
    ink = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    for curve in _curves():
        x, y = _texels(curve)
        ink[y, x] = 1
    near = blur(ink, _NEAR_SIGMA_PX)
    near = np.clip(near / np.median(near[ink > 0]), 0, 1)
    share = np.float32(_FAR_SHARE) + np.float32(1 - _FAR_SHARE) * near
    return np.asarray(blur(areas().skin, 3.0) * share, np.float32)


def _curves() -> list[npt.NDArray[np.float64]]:
    """Return every crease as it runs on the mean face."""
    still, phase = np.zeros((3, 2)), np.zeros(2)
    return [curve_of(c, still, phase, mirrored=side) for c in CREASES for side in (False, True)]


def _texels(curve: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    return np.clip(np.rint(curve), 0, TEXTURE_PX - 1).astype(np.intp).T
