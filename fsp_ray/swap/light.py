"""The synthetic texture in the light of the frame."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.complexion import fitted
from fsp_ray.swap.detail import Detail
from fsp_ray.swap.gaze import EYES
from fsp_ray.swap.lowpass import OFFSET, low_pass_light, luminance, resize
from fsp_ray.swap.masks import TEXELS_PER_FACE, halve
from fsp_ray.swap.occlusion import Occlusion
from fsp_ray.swap.relief import Relief
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.synthesis.texels import texel_map, vertex_normals
from fsp_ray.synthesis.topology import load_topology

_HALF_PX: Final = TEXTURE_PX // 2
_QUARTER_PX: Final = TEXTURE_PX // 4
# Widths of Gaussians, in texels of the 256² texture.
_WRINKLE_SIGMA: Final = 2.5
_WRINKLE_LIGHT_SIGMA: Final = 16.0
_WRINKLE_RATIO: Final = (0.6, 1.5)
# Share of a new frame in the smoothed light and sharpness.
_LIGHT_RATE, _DETAIL_RATE = 0.5, 0.1
# A change of the mean light beyond this share is a flash or a lamp: followed at once.
_FLASH: Final = 0.12
_BLIND, _CLEAR = 0.1, 0.5
# Smaller faces are too soft to tell a hand from a shade.
_CLEAR_PX: Final = 80
_FAR_PX: Final = 30000.0


class TextureLight:
    """Lights one synthetic face frame by frame; keeps light and grain smooth over time.

    T = eⁿ · (LP(I) + 4) · R · E − 4: the synthetic face's own ratios, times the frame's low-pass
    light and tone, times what light from one side makes of the new face's relief, times the
    frame's wrinkles E against the track's mean.
    """

    def __init__(self, face: SyntheticFace, source: SourceFace, settings: SwapSettings) -> None:
        self._detail = Detail(np.exp(fitted(face, source)))
        self._mean_grey = _blur(luminance(halve(source.texture)), _WRINKLE_SIGMA / 2) + OFFSET
        self._mean_seen = halve(source.weight)
        self._wrinkle_weight = settings.expression_weight
        self._light: F32 | None = None
        self._relief = Relief()
        self._occlusion = Occlusion(source)
        self._hidden: F32 | None = None

    @property
    def hidden(self) -> F32 | None:
        """What lay before the face in the last frame, f32[128, 128] in 0..1; None for nothing."""
        return self._hidden

    def shade(self, rgb: U8, read: F32, drawn: F32, side_px: int) -> U8:
        """Return the lit texture, u8[side, side, 3].

        Args:
            rgb: u8[H, W, 3], the frame before anything is drawn on this face.
            read: f32[504, 3], the face and its inner ring in pixels of the frame.
            drawn: f32[504, 3], where they go.
            side_px: of the texture wanted; a small face needs a small one.
        """
        normals = vertex_normals(read)
        texture, seen = _unwrap_half(rgb, read, normals[:, 2])
        width_px = float(np.ptp(read[:NUM_POINTS, 0]))
        self._hidden = self._occlusion.follow(texture, seen) if width_px >= _CLEAR_PX else None
        light, change = self._follow_light(low_pass_light(texture, seen))
        lit = resize(light, _HALF_PX)
        relative = (texture[:, :, 1] + np.float32(OFFSET)) / lit[:, :, 1]
        relative = np.asarray(relative, np.float32)
        self._detail.follow(relative, seen, max(_DETAIL_RATE, change), width_px / TEXELS_PER_FACE)
        rate = max(_LIGHT_RATE, change)
        self._relief.follow(luminance(texture), normals, seen, rate)
        lit *= resize(self._relief.shade(vertex_normals(drawn)), _HALF_PX)[:, :, None]
        if self._wrinkle_weight > 0:
            lit *= self._wrinkles(texture, seen)[:, :, None]
        shaded = cv2.multiply(resize(lit, side_px), self._detail.ratio(side_px))
        return np.asarray(cv2.convertScaleAbs(np.maximum(shaded - OFFSET, 0)), np.uint8)

    def about_eyes(self) -> F64:
        """Return the light about both eyes, f64[2, 3], grey levels, as of the last `shade`."""
        if self._light is None:
            raise RuntimeError("nothing was shaded yet")
        places = [
            load_topology().uv[[*upper, *lower]].mean(axis=0) * _QUARTER_PX for upper, lower in EYES
        ]
        return np.array([self._light[int(v), int(u)] for u, v in places], np.float64) - OFFSET

    def blur_px(self, face_px: float) -> float:
        """Return how soft the video is, as the width of a Gaussian in its pixels."""
        return self._detail.blur_texels * face_px / TEXELS_PER_FACE

    def _follow_light(self, light: F32) -> tuple[F32, float]:
        """Return the light smoothed over frames, and how sudden its change was, 0..1.

        The first frame and a flash count at once.
        """
        if self._light is None:
            self._light = light
        change = abs(float(light.mean()) / float(self._light.mean()) - 1) / _FLASH
        rate = np.float32(min(1, max(_LIGHT_RATE, change)))
        self._light = np.asarray(self._light + rate * (light - self._light), np.float32)
        return self._light, min(1, max(0, change - 1))

    def _wrinkles(self, texture: U8, seen: F32) -> F32:
        """Return f32[128, 128]: how the frame's fine shadows differ from the track's mean."""
        now = _blur(luminance(texture), _WRINKLE_SIGMA / 2) + OFFSET
        ratio = now / self._mean_grey
        known = seen * self._mean_seen
        smooth = _blur(np.asarray(ratio * known, np.float32), _WRINKLE_LIGHT_SIGMA / 2)
        smooth /= np.maximum(_blur(known, _WRINKLE_LIGHT_SIGMA / 2), 1e-3)
        local = np.clip(ratio / np.maximum(smooth, 1e-3), *_WRINKLE_RATIO)
        kept = np.float32(1) + np.float32(self._wrinkle_weight) * known * (local - np.float32(1))
        return np.asarray(kept, np.float32)


def _unwrap_half(rgb: U8, vertices: F32, facing: F32) -> tuple[U8, F32]:
    """Return every other texel of the frame's texture, and how well each is seen.

    `facing`, f32[504], is 1 where the surface looks at the camera.
    """
    vertex, share = _half_texels()
    seen = np.clip((facing - _BLIND) / (_CLEAR - _BLIND), 0, 1)
    place = np.clip(vertices[:, :2] - np.float32(0.5), -_FAR_PX, _FAR_PX)
    x, y, weight = ((np.take(column, vertex) * share).sum(axis=0) for column in (*place.T, seen))
    texture = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, width = rgb.shape[:2]
    inside = (x >= -1) & (y >= -1) & (x <= width) & (y <= height)
    return np.asarray(texture, np.uint8), weight * inside


@functools.cache
def _half_texels() -> tuple[npt.NDArray[np.int64], F32]:
    texels = texel_map()
    shape = (3, TEXTURE_PX, TEXTURE_PX)
    vertex = np.ascontiguousarray(texels.vertex.reshape(shape)[:, ::2, ::2])
    return vertex, np.ascontiguousarray(texels.share.reshape(shape)[:, ::2, ::2])


def _blur(image: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
