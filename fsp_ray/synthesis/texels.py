"""From a frame to the mesh's texture: a constant sparse matrix times the landmarks, then a warp."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8
from fsp_ray.synthesis.topology import TEXTURED_VERTICES, Region, load_topology, with_rings

# A surface seen flatter than 8 degrees shows nothing; from 40 degrees on, all of it.
_BLIND, _CLEAR = 0.14, 0.64
# cv2.remap counts in 16 bits.
_FAR_PX: Final = 30000.0
_SUBPIXEL_BITS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class TexelMap:
    """Where each texel of the texture lies in the mesh, row by row.

    Attributes:
        vertex: i64[3, 65536], the corners of its triangle.
        share: f32[3, 65536], their barycentric weights, which sum to 1.
        triangle: i32[256, 256], index into `Topology.triangles`; -1 off the textured mesh, where
            vertex and share are those of the nearest texel on it.
        region: u8[256, 256], a `Region`; OUTER_RING off the textured mesh.
    """

    vertex: npt.NDArray[np.int64]
    share: F32
    triangle: npt.NDArray[np.int32]
    region: U8

    def spread(self, values: F32) -> F32:
        """Interpolate values of the vertices, f32[V, C], to texels, f32[C, 256, 256]."""
        out = np.empty((values.shape[1], TEXTURE_PX, TEXTURE_PX), np.float32)
        # A channel and a corner at a time: gathers from contiguous memory are several times faster.
        for channel in range(values.shape[1]):
            column = np.ascontiguousarray(values[:, channel], np.float32)
            total = column.take(self.vertex[0]) * self.share[0]
            for corner in (1, 2):
                total += column.take(self.vertex[corner]) * self.share[corner]
            out[channel] = total.reshape(TEXTURE_PX, TEXTURE_PX)
        return out


@functools.cache
def texel_map() -> TexelMap:
    """Return the constant map. Its arrays are shared: read only."""
    mesh = load_topology()
    triangle = _rasterise(mesh.uv, mesh.triangles, mesh.region)
    region = np.where(triangle >= 0, mesh.region[triangle], np.uint8(Region.OUTER_RING))
    nearest = _nearest_covered(triangle >= 0)
    owner = triangle.ravel()[nearest]
    column, row = nearest % TEXTURE_PX, nearest // TEXTURE_PX
    texel = (np.stack([column, row], axis=1) + 0.5) / TEXTURE_PX
    vertex = mesh.triangles[owner]
    share = barycentric(mesh.uv[vertex], texel)
    texels = TexelMap(
        vertex=np.ascontiguousarray(vertex.T, np.int64),
        share=np.ascontiguousarray(share.T),
        triangle=triangle,
        region=region.astype(np.uint8),
    )
    for array in (texels.vertex, texels.share, texels.triangle, texels.region):
        array.flags.writeable = False
    return texels


def unwrap(rgb: U8, points: F32) -> tuple[U8, F32]:
    """Return the texture of one face in one frame, and how well each texel is seen.

    Args:
        rgb: u8[H, W, 3], the frame.
        points: f32[468, 3], the mesh in pixels of the frame.

    Returns:
        texture u8[256, 256, 3], weight f32[256, 256] in 0..1: 0 where the surface looks away,
        lies outside of the frame, or where a texel is not on the textured mesh.

    Raises:
        ValueError: an array has another shape or dtype, or a point is not finite.
    """
    check_array("rgb", rgb, np.uint8, (None, None, 3))
    check_array("points", points, np.float32, (NUM_POINTS, 3))
    check_finite("points", points)
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    seen = _facing(vertices)
    texels = texel_map()
    x, y = texels.spread(np.clip(vertices[:, :2] - np.float32(0.5), -_FAR_PX, _FAR_PX))
    weight = texels.spread(seen[:, None])[0]
    texture = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, width = rgb.shape[:2]
    inside = (x >= -1) & (y >= -1) & (x <= width) & (y <= height) & (texels.triangle >= 0)
    return np.asarray(texture, np.uint8), weight * inside


def filled(loop: Sequence[int]) -> U8:
    """Return u8[256, 256], 1 inside of a loop of mesh points, drawn to a sixteenth of a texel."""
    corners = load_topology().uv[list(loop)] * np.float32(TEXTURE_PX) - np.float32(0.5)
    fixed = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    drawn = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    cv2.fillPoly(drawn, [fixed[:, None]], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return drawn


def hull(points: Sequence[int]) -> tuple[int, ...]:
    """Return those of some mesh points that lie on their convex hull in the texture, in order."""
    order = cv2.convexHull(load_topology().uv[list(points)], returnPoints=False)
    return tuple(points[int(i)] for i in np.ravel(order))


def barycentric(corners: npt.NDArray[np.floating], at: npt.NDArray[np.floating]) -> F32:
    """Return the barycentric weights f32[M, 3] of points [M, 2] in triangles [M, 3, 2]."""
    a = corners[:, 0].astype(np.float64)
    ab, ac, ap = corners[:, 1] - a, corners[:, 2] - a, at - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    second = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    third = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    return np.stack([1 - second - third, second, third], axis=1).astype(np.float32)


def vertex_normals(vertices: F32) -> F32:
    """Return unit normals f32[504, 3] of the textured vertices; z > 0 looks at the camera."""
    mesh = load_topology()
    triangles = mesh.triangles[mesh.region != Region.OUTER_RING]
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    count = TEXTURED_VERTICES
    corner = triangles.T.ravel()
    sums = [np.bincount(corner, np.tile(normal[:, i], 3), count) for i in range(3)]
    total = np.stack(sums, axis=1)
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)).astype(
        np.float32
    )


def _facing(vertices: F32) -> F32:
    """Return how well each vertex is seen, f32[504]."""
    look = vertex_normals(vertices)[:, 2]
    seen = np.clip((look - _BLIND) / (_CLEAR - _BLIND), 0, 1).astype(np.float32)
    # The ring beyond the oval shows hair, ears and what is behind the head.
    seen[NUM_POINTS:] = 0
    return seen


def _rasterise(
    uv: F32, triangles: npt.NDArray[np.int32], region: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int32]:
    """Return which textured triangle holds each texel's centre, i32[256, 256], or -1."""
    owner = np.full((TEXTURE_PX, TEXTURE_PX), -1, np.int32)
    for number in np.flatnonzero(region != Region.OUTER_RING):
        corners = uv[triangles[number]].astype(np.float64) * TEXTURE_PX - 0.5
        low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(corners.max(axis=0)) + 1, TEXTURE_PX).astype(int)
        rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]]
        at = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
        share = barycentric(np.broadcast_to(corners, (len(at), 3, 2)), at)
        held = at[(share >= -1e-6).all(axis=1)].astype(int)
        owner[held[:, 1], held[:, 0]] = number
    return owner


def _nearest_covered(covered: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return for each texel the flat index of the nearest covered one, i64[65536]."""
    _, labels = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    number = np.asarray(labels, np.int64).ravel()
    source = np.zeros(int(number.max()) + 1, np.int64)
    at = np.flatnonzero(covered)
    source[number[at]] = at
    return source[number]
