"""What is seen at each pixel of a window: where the frame is read, and where the texture is."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS, U8
from fsp_ray.swap.raster import I32, Window, affine_coefficients, evaluate, paint_triangles
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    NUM_RING,
    Region,
    load_topology,
    signed_areas,
    with_rings,
)

# Faces wider than this have their maps drawn at half of the resolution, at a third from twice it
# on, and so forth: they are all but linear, and drawing them is what costs.
_FULL_MAP_PX: Final = 110
Places = npt.NDArray[np.intp]

# The outer ring is this many times as far out as the outermost of the face, at least.
_CLEAR: Final = 1.2
_TOP, _CHIN = 10, 152
# Seen from the front, the texture runs over the face's width once. Where it runs this many times
# as fast, one part of the face hides another.
_CREASE: Final = 2.5
# Of two pixels next to each other: so many times as far apart on the texture as the width of the
# face has it, they belong to different layers.
_EDGE: Final = 8.0


class Layers(NamedTuple):
    """Maps of one window, which run smoothly but at silhouettes and are kept coarsely.

    Attributes:
        window: of the frame; in whole steps, so that it may reach over the frame's edge.
        step: pixels of the frame a pixel of the maps.
        painted: i32[H, W], 1 + the triangle that is seen in each pixel of the frame, or 0.
        coefficients: f32[4, T, 3], how shift x, shift y, u, v run over each triangle.
        maps: f32[h, w, 4], the same at each pixel: the shift in pixels to where the frame is
            read, and u, v in 0..1.
        creased: bool[h, w], where a silhouette runs through the face.
        visible: u8[H, W], 255 where the front of the face is seen, softly edged.
    """

    window: Window
    step: int
    painted: I32
    coefficients: F32
    maps: F32
    creased: npt.NDArray[np.bool_]
    visible: U8

    def shift(self) -> F32:
        """Return f32[H, W, 2] for the whole window."""
        height, width = self.maps.shape[:2]
        return self._fine(Window(0, 0, width, height), slice(0, 2))

    def texels(self, part: Window) -> tuple[F32, U8]:
        """Return u, v, f32[H, W, 2], and how visible the face is, u8[H, W], for a part.

        `part` counts in pixels of the maps.
        """
        visible = self.visible[
            self.step * part.top : self.step * part.bottom,
            self.step * part.left : self.step * part.right,
        ]
        return self._fine(part, slice(2, 4)), visible

    def creases(self, part: Window) -> npt.NDArray[np.bool_]:
        """Return bool[H, W], `creased` at the frame's resolution for a part of the maps."""
        coarse = self.creased[part.top : part.bottom, part.left : part.right]
        return coarse.repeat(self.step, axis=0).repeat(self.step, axis=1)

    def _fine(self, part: Window, channels: slice) -> F32:
        """Return some channels at the frame's resolution, exact at silhouettes."""
        coarse = self.maps[part.top : part.bottom, part.left : part.right]
        chosen = np.ascontiguousarray(coarse[:, :, channels])
        if self.step == 1:
            return chosen
        height, width = chosen.shape[:2]
        size = (self.step * width, self.step * height)
        fine = np.asarray(cv2.resize(chosen, size, interpolation=cv2.INTER_LINEAR), np.float32)
        # Upscaling mixed both sides of a silhouette here.
        y, x = np.nonzero(self.creased[part.top : part.bottom, part.left : part.right])
        if len(x) > 0:
            self._draw_exactly(fine, channels, part, y, x)
        return fine

    def _draw_exactly(self, fine: F32, channels: slice, part: Window, y: Places, x: Places) -> None:
        """Draw the pixels of some places of the part's maps from the triangles themselves."""
        step = self.step
        grid = np.arange(step)
        rows = (step * y[:, None, None] + grid[:, None]).repeat(step, axis=2).ravel()
        columns = (step * x[:, None, None] + grid).repeat(step, axis=1).ravel()
        window_rows, window_columns = rows + step * part.top, columns + step * part.left
        triangle = self.painted[window_rows, window_columns] - 1
        abc = self.coefficients[channels][:, triangle]
        exact = abc[:, :, 0] * (window_columns + 0.5) + abc[:, :, 1] * (window_rows + 0.5)
        exact += abc[:, :, 2]
        exact[:, triangle < 0] = 0
        fine[rows, columns] = exact.T


def with_clear_rings(points: F32) -> F32:
    """Return the mesh's vertices f32[540, 3], the outer ring beyond all of the face.

    On the far side of a turned head the oval's rings lie behind nose and cheek: cut there, the
    face would end in a saw, or its old nose stay beside the new one.

    Args:
        points: f32[468, 3], pixels.
    """
    vertices = with_rings(points)
    rim = vertices[NUM_POINTS + NUM_RING :, :2]
    center = points[list(FACE_OVAL), :2].mean(axis=0)
    down = points[_CHIN, :2] - points[_TOP, :2]
    down /= max(float(np.linalg.norm(down)), 1e-6)
    way = _outwards() @ np.array([[down[1], -down[0]], down], np.float32)
    reach = ((points[:, :2] - center) @ way.T).max(axis=0)
    missing = np.float32(_CLEAR) * reach - ((rim - center) * way).sum(axis=1)
    rim += np.maximum(missing, 0)[:, None] * way
    return vertices


def soften_edges(view: U8, u: F32, v: F32, near: npt.NDArray[np.bool_], usual: float) -> None:
    """Smooth where one part of the face ends before another, or before what is behind, in place.

    Layers are cut pixel by pixel, and such edges look like saws.

    Args:
        view: u8[H, W, 3].
        u, v: f32[H, W], texels.
        near: bool[H, W, 1], where there may be such edges.
        usual: texels from a pixel to the next, seen from the front.
    """
    left, top, width, height = cv2.boundingRect(near.view(np.uint8))
    if width == 0:
        return
    part = slice(top, top + height), slice(left, left + width)
    small = np.ones((3, 3), np.uint8)
    rise = np.maximum(*(cv2.morphologyEx(x[part], cv2.MORPH_GRADIENT, small) for x in (u, v)))
    edge = near[part] & (rise > np.float32(_EDGE * usual))[:, :, None]
    np.copyto(view[part], cv2.blur(view[part], (3, 3)), where=edge)


@functools.cache
def _outwards() -> F32:
    """Return which way a ring's vertices lie from the middle of an upright face, f32[36, 2]."""
    oval = load_topology().mean_shape[list(FACE_OVAL), :2]
    way = oval - oval.mean(axis=0)
    return np.asarray(way / np.linalg.norm(way, axis=1, keepdims=True), np.float32)


def draw_layers(read: F32, drawn: F32, frame_shape: tuple[int, ...]) -> Layers:
    """Draw the maps of one face.

    Args:
        read: f32[540, 3], the mesh's vertices as they lie in the frame.
        drawn: f32[540, 3], where they are to go.
        frame_shape: height, width, ...

    Raises:
        ValueError: nothing of the mesh lies in the frame.
    """
    mesh = load_topology()
    width_px = max(1.0, float(np.ptp(drawn[:NUM_POINTS, 0])))
    step = int(np.ceil(width_px / _FULL_MAP_PX))
    window = _window(drawn, frame_shape, step)
    origin = np.array([window.left, window.top], np.float32)
    corners = drawn[mesh.triangles][:, :, :2] - origin
    values = np.concatenate([read[:, :2] - drawn[:, :2], mesh.uv], axis=1)[mesh.triangles]
    front = (mesh.region <= Region.MOUTH) & (signed_areas(drawn, mesh.triangles) > 0)
    painted = paint_triangles(corners, _painters_order(drawn, front), window.shape)
    coefficients = affine_coefficients(corners, values)
    seen = np.concatenate([[False], front]).astype(np.uint8) * np.uint8(255)
    visible = _soft_edged(np.take(seen, painted), 2 * step + 1)
    maps = evaluate(painted, coefficients, step)
    u = np.ascontiguousarray(maps[:, :, 2])
    rise = cv2.morphologyEx(u, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    creased = np.asarray(rise > _CREASE * 2 * step / width_px, np.bool_)
    return Layers(window, step, painted, coefficients, maps, creased, visible)


def _soft_edged(seen: U8, reach_px: int) -> U8:
    """Close what a nostril or a lip leaves open in the face, and soften the outline inwards."""
    closed = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((reach_px, reach_px), np.uint8))
    small = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.blur(cv2.erode(closed, small), (3, 3)), np.uint8)


def _painters_order(drawn: F32, front: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Rings first, then what of the face looks away, then the rest, each from far to near."""
    mesh = load_topology()
    rank = np.select(
        [front, mesh.region <= Region.MOUTH, mesh.region == Region.INNER_RING], [3, 2, 1], 0
    )
    depth = drawn[mesh.triangles, 2].mean(axis=1)
    return np.lexsort((-depth, rank))


def _window(vertices: F32, shape: tuple[int, ...], step: int) -> Window:
    """Return the part of the frame that the outer ring reaches, in whole steps."""
    low = np.floor(vertices[:, :2].min(axis=0)).astype(int)
    high = np.ceil(vertices[:, :2].max(axis=0)).astype(int)
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), shape[1]), min(int(high[1]), shape[0])
    if left >= right or top >= bottom:
        raise ValueError("the mesh lies outside of the frame")
    return Window(left, top, right + (left - right) % step, bottom + (top - bottom) % step)
