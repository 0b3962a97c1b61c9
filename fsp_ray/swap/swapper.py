"""The mesh swapper: pose, light, raster, composite, one face in one frame at a time."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.core.protocols import SwapSession
from fsp_ray.swap.brows import Brows, levelled
from fsp_ray.swap.eyes import EyePainter
from fsp_ray.swap.layers import Layers, draw_layers, soften_edges, with_clear_rings
from fsp_ray.swap.lids import Lids, lowered
from fsp_ray.swap.light import TextureLight
from fsp_ray.swap.masks import opacity
from fsp_ray.swap.mouth import Lips, parted, smooth_seam
from fsp_ray.swap.pose import check_mesh, fit_pose
from fsp_ray.swap.raster import Window
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import displacement
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    NUM_RING,
    TEXTURED_VERTICES,
)

# The inner ring goes most of the way with the face, the outer one stays: background bends
# between the two, and nothing moves beyond.
_INNER_RING_SHARE: Final = 0.8
_SUBPIXEL_BITS: Final = 4
# Textures for small, middling and large faces: read at a quarter of their own resolution, a
# texture would glitter.
_SIDES_PX: Final = (64, 128, TEXTURE_PX)
_DEFAULT: Final = SwapSettings()


class MeshSwapper:
    """Puts synthetic faces on with the dense mesh; implements `core.protocols.FaceSwapper`."""

    def __init__(self, settings: SwapSettings = _DEFAULT) -> None:
        self._settings = settings

    def session(self, face: SyntheticFace, source: SourceFace) -> SwapSession:
        """Start on one track, whose real face is `source`."""
        return MeshSwapSession(face, source, self._settings)


class MeshSwapSession:
    """One synthetic face over one track; holds what is smoothed from frame to frame."""

    def __init__(self, face: SyntheticFace, source: SourceFace, settings: SwapSettings) -> None:
        self._source_shape = source.shape
        self._displacement = displacement(source, face, settings) + levelled(face)
        self._brows = Brows(source.shape, self._displacement)
        self._light = TextureLight(face, source, settings)
        self._eyes, self._lids = EyePainter(face, source), Lids(source)
        self._lips = Lips(source)
        self._opacity = _opacities(settings.feather)

    def apply(self, rgb: U8, points: F32) -> None:
        """Put the face on, in place.

        Args:
            rgb: u8[H, W, 3], the frame; nothing beyond the outer ring is touched.
            points: f32[468, 3], pixels of the frame.

        Raises:
            ValueError: the mesh is degenerate or outside of the frame; nothing was drawn.
        """
        check_mesh(rgb, points)
        pose = fit_pose(self._source_shape, points)
        read = with_clear_rings(points)
        closed = self._lids.follow(points)
        drawn = self._moved(read, points, pose, closed)
        width = float(np.ptp(points[:, 0]))
        side = next((side for side in _SIDES_PX if width < side / 2), TEXTURE_PX)
        layers = draw_layers(read, drawn, rgb.shape)
        front = slice(TEXTURED_VERTICES)
        texture = self._light.shade(rgb, read[front], drawn[front], side)
        picture = _warp(rgb, layers)
        self._blend(picture, layers, drawn, texture)
        at_eyes, blur_px = self._light.about_eyes(), self._light.blur_px(width)
        self._eyes.paint(picture, layers.window, rgb, read, drawn, at_eyes, blur_px, closed)
        _paste(rgb, picture, layers.window, drawn)

    def _moved(
        self, vertices: F32, points: F32, pose: npt.NDArray[np.float64], closed: float
    ) -> F32:
        shape_shift = self._displacement + self._brows.eased(points, pose)
        shift = (shape_shift @ pose.T).astype(np.float32)
        shift += parted(points, self._lips.follow(points)) + lowered(points, closed)
        oval = shift[list(FACE_OVAL)] * np.float32(_INNER_RING_SHARE)
        moved = vertices + np.concatenate([shift, oval, np.zeros_like(oval)])
        return np.asarray(moved, np.float32)

    def _blend(self, picture: U8, layers: Layers, drawn: F32, texture: U8) -> None:
        """Lay the texture over the warped window, in place."""
        part = _face_part(layers, drawn)
        uv, visible = layers.texels(part)
        side = len(texture)
        u, v = (uv[:, :, i] * np.float32(side) - np.float32(0.5) for i in (0, 1))
        skin = cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # A silhouette in the face squeezes texels into a pixel; read one by one, they glitter.
        creases = layers.creases(part)[:, :, None]
        np.copyto(skin, cv2.blur(skin, (3, 3)), where=creases)
        opacity_here = cv2.remap(self._opacity_now(side), u, v, cv2.INTER_LINEAR)
        step, window = layers.step, layers.window
        origin = (window.left + step * part.left, window.top + step * part.top)
        smooth_seam(np.asarray(skin, np.uint8), np.asarray(opacity_here, np.uint8), drawn, origin)
        share = np.minimum(opacity_here, visible).astype(np.float32) / np.float32(255)
        view = picture[step * part.top : step * part.bottom, step * part.left : step * part.right]
        view[:] = cv2.blendLinear(skin, view, share, np.float32(1) - share)
        soften_edges(view, u, v, creases, side / float(np.ptp(drawn[:NUM_POINTS, 0])))

    def _opacity_now(self, side_px: int) -> U8:
        """Return how much of the texture is put on in this frame, u8[side, side]."""
        hidden = self._light.hidden
        if hidden is None:
            return self._opacity[side_px]
        size = (side_px, side_px)
        free = 1 - np.asarray(cv2.resize(hidden, size, interpolation=cv2.INTER_LINEAR), np.float32)
        return np.asarray(self._opacity[side_px] * free, np.uint8)


@functools.cache
def _opacities(feather: float) -> dict[int, U8]:
    """Return `opacity` at each side; many faces are tried on for one that is put on."""
    whole = opacity(feather)
    return {side: _shrunk(whole, side) for side in _SIDES_PX}


def _shrunk(image: U8, side_px: int) -> U8:
    small = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _warp(rgb: U8, layers: Layers) -> U8:
    """Return the window with the source's face bent to its new shape."""
    window, shift = layers.window, layers.shift()
    x = shift[:, :, 0] + np.arange(window.left, window.right, dtype=np.float32)
    y = shift[:, :, 1] + np.arange(window.top, window.bottom, dtype=np.float32)[:, None]
    warped = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _face_part(layers: Layers, drawn: F32) -> Window:
    """Return the part of the maps that holds the face without its rings."""
    origin = (layers.window.left, layers.window.top)
    places = (drawn[:NUM_POINTS, :2] - origin) / layers.step
    low = np.floor(places.min(axis=0)).astype(int) - 1
    high = np.ceil(places.max(axis=0)).astype(int) + 1
    height, width = layers.maps.shape[:2]
    left, right = np.clip([int(low[0]), int(high[0])], 0, width)
    top, bottom = np.clip([int(low[1]), int(high[1])], 0, height)
    if left >= right or top >= bottom:
        raise ValueError("the mesh lies outside of the frame")
    return Window(int(left), int(top), int(right), int(bottom))


def _paste(rgb: U8, picture: U8, window: Window, drawn: F32) -> None:
    """Write the window back, within the outer ring only."""
    bottom, right = min(window.bottom, rgb.shape[0]), min(window.right, rgb.shape[1])
    view = rgb[window.top : bottom, window.left : right]
    height, width = view.shape[:2]
    touched = np.zeros((height, width), np.uint8)
    rim = drawn[NUM_POINTS + NUM_RING :, :2] - (window.left, window.top)
    fixed = np.round((rim - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(touched, [fixed[:, None]], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    np.copyto(view, picture[:height, :width], where=touched[:, :, None].astype(np.bool_))
