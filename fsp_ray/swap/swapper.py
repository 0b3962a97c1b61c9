"""The mesh swapper: pose, light, raster, composite, one face in one frame at a time."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.core.protocols import SwapSession
from fsp_ray.swap.light import TextureLight
from fsp_ray.swap.masks import opacity
from fsp_ray.swap.pose import check_mesh, fit_pose
from fsp_ray.swap.raster import Window, affine_coefficients, evaluate, paint_triangles
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import displacement
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    NUM_RING,
    TEXTURED_VERTICES,
    Region,
    load_topology,
    signed_areas,
    with_rings,
)

# The inner ring goes most of the way with the face, the outer one stays: background bends
# between the two, and nothing moves beyond.
_INNER_RING_SHARE: Final = 0.8
# Above this width the maps are drawn at half the resolution, from twice it at a third, ...
_FULL_MAP_PX: Final = 110
_DEFAULT: Final = SwapSettings()


class MeshSwapper:
    """Puts synthetic faces on with the dense mesh; implements `core.protocols.FaceSwapper`."""

    def __init__(self, settings: SwapSettings = _DEFAULT) -> None:
        self._settings = settings

    def session(self, face: SyntheticFace, source: SourceFace) -> SwapSession:
        """Start on one track, whose real face is `source`."""
        return MeshSwapSession(face, source, self._settings)


class _Layers(NamedTuple):
    """What is drawn at each pixel of a window.

    Attributes:
        shift: f32[h, w, 2], from the pixel to where the frame is read.
        texel: f32[h, w, 2], where the texture is read.
        visible: u8[h, w], 255 where the front of the face is seen.
    """

    shift: F32
    texel: F32
    visible: U8


class MeshSwapSession:
    """One synthetic face over one track; holds what is smoothed from frame to frame."""

    def __init__(self, face: SyntheticFace, source: SourceFace, settings: SwapSettings) -> None:
        self._source_shape = source.shape
        self._displacement = displacement(source.shape, face.shape, settings)
        self._light = TextureLight(face, source, settings)
        self._opacity = opacity(settings.feather)
        self._feather = settings.feather

    def apply(self, rgb: U8, points: F32) -> None:
        """Put the face on, in place.

        Args:
            rgb: u8[H, W, 3], the frame; nothing beyond 1.5 times the face oval is touched.
            points: f32[468, 3], pixels of the frame.

        Raises:
            ValueError: the mesh is degenerate or outside of the frame; nothing was drawn.
        """
        check_mesh(rgb, points)
        pose = fit_pose(self._source_shape, points)
        read = with_rings(points)
        drawn = self._moved(read, points, pose)
        step = _map_step(points)
        window = _window(drawn, rgb.shape, step)
        texture = self._light.shade(rgb, read[:TEXTURED_VERTICES])
        layers = _draw_layers(read, drawn, window, step)
        self._composite(rgb, window, drawn, layers, texture)

    def _moved(self, vertices: F32, points: F32, pose: npt.NDArray[np.float64]) -> F32:
        shift = (self._displacement @ pose.T).astype(np.float32)
        oval = shift[list(FACE_OVAL)] * np.float32(_INNER_RING_SHARE)
        return vertices + np.concatenate([shift, oval, np.zeros_like(oval)])

    def _composite(self, rgb: U8, window: Window, drawn: F32, layers: _Layers, texture: U8) -> None:
        height, width = window.shape
        x = layers.shift[:, :, 0] + np.arange(window.left, window.right, dtype=np.float32)
        y = layers.shift[:, :, 1]
        y = y + np.arange(window.top, window.bottom, dtype=np.float32)[:, None]
        warped = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        u, v = layers.texel[:, :, 0], layers.texel[:, :, 1]
        skin = cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(self._opacity, u, v, cv2.INTER_LINEAR)
        share = np.minimum(cover, layers.visible).astype(np.float32) / np.float32(255)
        blended = cv2.blendLinear(skin, warped, share, 1 - share)
        touched = np.zeros((height, width), np.uint8)
        rim = drawn[NUM_POINTS + NUM_RING :, :2] - (window.left, window.top)
        cv2.fillPoly(touched, [np.round(16 * (rim - 0.5)).astype(np.int32)[:, None]], 1, 8, 4)
        top, left = max(window.top, 0), max(window.left, 0)
        bottom, right = min(window.bottom, rgb.shape[0]), min(window.right, rgb.shape[1])
        inner = (
            slice(top - window.top, bottom - window.top),
            slice(left - window.left, right - window.left),
        )
        view = rgb[top:bottom, left:right]
        np.copyto(view, blended[inner], where=touched[inner].astype(np.bool_)[:, :, None])


def _map_step(points: F32) -> int:
    width = float(np.ptp(points[:, 0]))
    return max(1, int(np.ceil(width / _FULL_MAP_PX)))


def _window(vertices: F32, shape: tuple[int, ...], step: int) -> Window:
    """Return the part of the frame that the outer ring reaches, in whole steps."""
    low = np.floor(vertices[:, :2].min(axis=0)).astype(int)
    high = np.ceil(vertices[:, :2].max(axis=0)).astype(int)
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), shape[1]), min(int(high[1]), shape[0])
    if left >= right or top >= bottom:
        raise ValueError("the mesh lies outside of the frame")
    return Window(left, top, right + (left - right) % step, bottom + (top - bottom) % step)


def _draw_layers(read: F32, drawn: F32, window: Window, step: int) -> _Layers:
    mesh = load_topology()
    origin = np.array([window.left, window.top], np.float32)
    corners = (drawn[mesh.triangles][:, :, :2] - origin) / np.float32(step)
    texel = np.clip(mesh.uv, -0.5, 1.5) * np.float32(TEXTURE_PX) - np.float32(0.5)
    values = np.concatenate([read[:, :2] - drawn[:, :2], texel], axis=1)[mesh.triangles]
    face = mesh.region <= Region.MOUTH
    front = face & (signed_areas(drawn, mesh.triangles) > 0)
    # Rings first, then what looks away, then the face from far to near.
    depth = drawn[mesh.triangles, 2].mean(axis=1)
    rank = np.where(front, 3, np.where(face, 2, np.where(mesh.region == Region.INNER_RING, 1, 0)))
    order = np.lexsort((-depth, rank))
    height, width = window.shape
    painted = paint_triangles(corners, order, (height // step, width // step))
    maps = evaluate(painted, affine_coefficients(corners, values))
    seen = np.concatenate([[False], front]).astype(np.uint8) * np.uint8(255)
    visible = cv2.blur(cv2.erode(np.take(seen, painted), np.ones((3, 3), np.uint8)), (3, 3))
    size = (width, height)
    shift, uv = np.ascontiguousarray(maps[:, :, :2]), np.ascontiguousarray(maps[:, :, 2:])
    return _Layers(
        shift=np.asarray(cv2.resize(shift, size, interpolation=cv2.INTER_LINEAR), np.float32),
        texel=np.asarray(cv2.resize(uv, size, interpolation=cv2.INTER_LINEAR), np.float32),
        visible=np.asarray(cv2.resize(visible, size, interpolation=cv2.INTER_LINEAR), np.uint8),
    )
