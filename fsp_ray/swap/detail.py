"""How sharp the synthetic face may be: as sharp as the video it is put into, no more."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX
from fsp_ray.swap.masks import cheek_mask, feature_mask

# Edges of the bands, finest first: widths of Gaussians in texels of the 256² texture.
_HALF: Final = 2
_SIGMAS: Final = (2.4, 4.8, 9.6)
_GRAIN_SIGMA: Final = _SIGMAS[0]
_GRAIN_GAIN: Final = (0.25, 1.6)
# Blurs that the synthetic face is measured under, texels.
_BLURS: Final = (0.0, 1.5, 3.0, 4.5, 6.0, 9.0)
# Drawing the face blurs it a little once more.
_BLUR_SHARE: Final = 0.85
# What a blurred video shows in the finest band is no grain: compression, edges of shadows.
_BLURRED: Final = 1.2
_BLUR_STEP, _GAIN_STEP, _PORES_STEP = 0.1, 0.03, 0.001
# How far pores make up for grain that the face lacks, and at most: more looks like sand.
_PORES_SHARE, _MOST_PORES = 0.6, 0.006
_PORE_SIGMA: Final = 0.7
# Up to the first blur a video shows pores; from the second on, what moves in it is compression.
_SHARP_PX: Final = (1.1, 1.8)
# Of a normal distribution, its width over the median of what it deviates by.
_SIGMA_OF_MEDIAN: Final = 1.4826


class Detail:
    """The synthetic face's ratios, as blurred and as grainy as the video.

    Sharpness is read from how fast strength falls from a wide band (brows, lips, folds) to the
    finest one, which a blur changes and a person's looks hardly do. Grain is matched on the
    cheeks.
    """

    def __init__(self, ratio: F32) -> None:
        """Take f32[256, 256, 3], the ratios eⁿ."""
        self._ratio = ratio
        half = np.ascontiguousarray(ratio[::_HALF, ::_HALF, 1])
        blurred = [_blur(half, sigma / _HALF) for sigma in _BLURS]
        slopes = np.array([_slope(image, None) for image in blurred])
        self._slopes = np.minimum.accumulate(slopes)[::-1]
        self._grains = [_grain(image, None) for image in blurred]
        self._blur_texels: float | None = None
        self._grain_gain = 1.0
        self._pores = 0.0
        self._drawn_as = (-1.0, -1.0, -1.0)
        self._drawn: dict[int, F32] = {}

    def follow(self, relative: F32, seen: F32, rate: float, texel_px: float) -> None:
        """Take one frame into account.

        Args:
            relative: f32[128, 128], the frame's texture over its own light.
            seen: f32[128, 128], how well each texel is seen, 0..1.
            rate: share of this frame in the smoothed state; the first one counts fully.
            texel_px: width of a texel of the 256² texture in the frame, pixels.
        """
        blur = _BLUR_SHARE * float(np.interp(_slope(relative, seen), self._slopes, _BLURS[::-1]))
        own = float(np.interp(blur, _BLURS, self._grains))
        gain = float(np.clip(_grain(relative, seen) / max(own, 1e-4), *_GRAIN_GAIN))
        if blur > _BLURRED:
            gain = min(gain, 1.0)
        lacking = (_PORES_SHARE * _pores(relative, seen)) ** 2 - (gain * own) ** 2
        sharp = float(np.interp(blur * texel_px, _SHARP_PX, (1, 0)))
        pores = sharp * min(max(lacking, 0) ** 0.5, _MOST_PORES)
        if self._blur_texels is None:
            self._blur_texels, self._grain_gain, self._pores = blur, gain, pores
        self._blur_texels += rate * (blur - self._blur_texels)
        self._grain_gain += rate * (gain - self._grain_gain)
        self._pores += rate * (pores - self._pores)
        # Drawn anew only when the eye could tell.
        now = (self._blur_texels, self._grain_gain, self._pores)
        steps = (_BLUR_STEP, _GAIN_STEP, _PORES_STEP)
        if any(abs(a - b) > s for a, b, s in zip(now, self._drawn_as, steps, strict=True)):
            self._drawn_as = now
            self._drawn.clear()

    @property
    def blur_texels(self) -> float:
        """How soft the video is, texels of the 256² texture; 0 before the first frame."""
        return self._blur_texels or 0.0

    def ratio(self, side_px: int) -> F32:
        """Return the ratios f32[side, side, 3] with the present blur and grain."""
        if not self._drawn:
            blur, gain, pores = self._drawn_as
            image = self._ratio if blur < _BLUR_STEP else _blur(self._ratio, blur)
            grained = cv2.addWeighted(image, gain, _blur(image, _GRAIN_SIGMA), 1 - gain, 0.0)
            if pores > 0:
                grained = grained * (1 + np.float32(pores) * _noise(round(blur, 1)))[:, :, None]
            self._drawn[TEXTURE_PX] = np.asarray(grained, np.float32)
        if side_px not in self._drawn:
            size = (side_px, side_px)
            small = cv2.resize(self._drawn[TEXTURE_PX], size, interpolation=cv2.INTER_AREA)
            self._drawn[side_px] = np.asarray(small, np.float32)
        return self._drawn[side_px]


def _slope(relative: F32, seen: F32 | None) -> float:
    """Return how strong the finest band is against the third, over the face."""
    face = _half_masks()[1] if seen is None else _half_masks()[1] * seen
    levels = [_blur(relative, sigma / _HALF) for sigma in _SIGMAS]
    fine = _strength(relative - levels[0], face)
    return fine / max(_strength(levels[1] - levels[2], face), 1e-4)


def _grain(relative: F32, seen: F32 | None) -> float:
    """Return how strong the finest band is on the cheeks."""
    cheeks = _half_masks()[0] if seen is None else _half_masks()[0] * seen
    return _strength(relative - _blur(relative, _GRAIN_SIGMA / _HALF), cheeks)


def _pores(relative: F32, seen: F32) -> float:
    """Return how strong the finest band is on most of the cheeks, whatever hair hangs there."""
    band = np.abs(relative - _blur(relative, _GRAIN_SIGMA / _HALF))
    cheeks = band[(_half_masks()[0] * seen) > 0.5]
    return _SIGMA_OF_MEDIAN * float(np.median(cheeks)) if len(cheeks) > 0 else 0.0


@functools.lru_cache(maxsize=8)
def _noise(blur: float) -> F32:
    """Return noise as blurred as a video, f32[256, 256], its finest band of strength 1."""
    white = np.random.default_rng(0).standard_normal((TEXTURE_PX, TEXTURE_PX)).astype(np.float32)
    noise = _blur(white, max(blur, _PORE_SIGMA))
    half = np.ascontiguousarray(noise[::_HALF, ::_HALF])
    return noise / np.float32((half - _blur(half, _GRAIN_SIGMA / _HALF)).std())


def _strength(band: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]) -> float:
    return float(np.sqrt((weight * band * band).sum() / max(float(weight.sum()), 1e-6)))


@functools.cache
def _half_masks() -> tuple[F32, F32]:
    halves = [np.ascontiguousarray(m[::_HALF, ::_HALF]) for m in (cheek_mask(), feature_mask())]
    return halves[0], halves[1]


def _blur(image: F32, sigma: float) -> F32:
    if sigma <= 0:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
