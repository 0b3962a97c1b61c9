"""How light from one side models the new face: its nose has a lit side, its far cheek none."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX
from fsp_ray.swap.lowpass import resize
from fsp_ray.swap.masks import edge_fade, plain_mask
from fsp_ray.synthesis.texels import texel_map

_STEP: Final = 4
_SIDE_PX: Final = TEXTURE_PX // _STEP
# More of it looks better yet, but the same mesh in the same light makes faces alike.
_STRENGTH: Final = 0.5
_BOUNDS: Final = (0.6, 1.5)
# Widths of Gaussians in texels of the 256² texture: of what the low-passed light shows already,
# and of what smooths the mesh.
_BROAD_SIGMA, _SMOOTH_SIGMA = 36.0, 4.0
# What keeps a fit to little light from leaning on noise, as a share of the texels.
_RIDGE: Final = 0.02
_LEAST_TEXELS: Final = 100.0
# Of the usual luminance: what is darker is hair or spectacles.
_DARK: Final = 0.5
# No side of a face is darker than this share of the light from everywhere.
_LEAST_SHADE: Final = 0.25


class Relief:
    """Follows where the light comes from, over the frames of one track.

    Luminance on plain skin is fitted by the surface's direction in the first two orders of
    spherical harmonics, which hold most of what matt surfaces show (Ramamoorthi and Hanrahan, "An
    efficient representation for irradiance environment maps", 2001). Four numbers: of the
    source's own relief, nothing is taken over.
    """

    def __init__(self) -> None:
        self._light: F32 | None = None

    def follow(self, luminance: F32, normals: F32, seen: F32, rate: float) -> None:
        """Take one frame into account.

        Args:
            luminance: f32[128, 128], of the frame's texture.
            normals: f32[504, 3], of the source's mesh.
            seen: f32[128, 128], how well each texel is seen, 0..1.
            rate: share of this frame in the smoothed state; the first one counts fully.
        """
        level, seen = resize(luminance, _SIDE_PX), resize(seen, _SIDE_PX) * _plain()
        level = level / max(float(level.mean()), 1.0)
        weight = (seen * (level > _DARK * float(np.median(level)))).ravel()
        now = _fitted(level.ravel(), _harmonics(normals), weight)
        if self._light is None:
            self._light = now
        self._light = np.asarray(self._light + rate * (now - self._light), np.float32)

    def shade(self, normals: F32) -> F32:
        """Return how much lighter a face is than the light about it, f32[64, 64].

        Args:
            normals: f32[504, 3], of the mesh of the new face.
        """
        if self._light is None:
            raise RuntimeError("no frame was followed yet")
        least = _LEAST_SHADE * float(self._light[0])
        level = np.maximum(_harmonics(normals) @ self._light, max(least, 1e-3))
        level = _blur(level.reshape(_SIDE_PX, _SIDE_PX), _SMOOTH_SIGMA)
        ratio = np.clip(level / _blur(level, _BROAD_SIGMA), *_BOUNDS)
        return np.asarray(1 + np.float32(_STRENGTH) * _inner() * (ratio - 1), np.float32)


def _fitted(level: F32, harmonics: F32, weight: F32) -> F32:
    """Return f32[4], how light depends on the direction; even light where too little is seen."""
    total = float(weight.sum())
    if total < _LEAST_TEXELS:
        return np.array([1, 0, 0, 0], np.float32)
    weighted = harmonics * weight[:, None]
    gram = weighted.T @ harmonics + _RIDGE * total * np.diag([0, 1, 1, 1])
    return np.linalg.solve(gram, weighted.T @ level).astype(np.float32)


def _harmonics(normals: F32) -> F32:
    """Return 1, x, y, z of the surface at each texel, f32[4096, 4]."""
    vertex, share = _texels()
    spread = (normals[vertex] * share[:, :, None]).sum(axis=0)
    return np.concatenate([np.ones((len(spread), 1), np.float32), spread], axis=1)


@functools.cache
def _texels() -> tuple[npt.NDArray[np.int64], F32]:
    """Return vertices and shares of every fourth texel, [3, 4096] each."""
    few = (slice(None), slice(_STEP // 2, None, _STEP), slice(_STEP // 2, None, _STEP))
    shape = (3, TEXTURE_PX, TEXTURE_PX)
    vertex, share = texel_map().vertex.reshape(shape)[few], texel_map().share.reshape(shape)[few]
    return vertex.reshape(3, -1), share.reshape(3, -1)


@functools.cache
def _plain() -> F32:
    return _shrunk(plain_mask())


@functools.cache
def _inner() -> F32:
    return _shrunk(edge_fade())


def _shrunk(image: F32) -> F32:
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _blur(image: F32, sigma: float) -> F32:
    blurred = cv2.GaussianBlur(image, (0, 0), sigma / _STEP, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
