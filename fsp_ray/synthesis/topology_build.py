"""Computes the mesh that `topology` loads, from the landmarks of many synthetic faces.

One half of the mean shape is triangulated (Delaunay in the front view, with the edges of lids,
lips, oval and midline kept) and mirrored, so that the mesh is exactly symmetric; strips close the
eyes and the mouth, and two rings surround the oval.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import NUM_POINTS
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    NUM_RING,
    NUM_VERTICES,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    RING_SCALES,
    Region,
)

F64 = npt.NDArray[np.float64]
Triangle = tuple[int, int, int]

# Mirrored pairs so close to one another at the mouth's corners that distances confuse them.
_KNOWN_PAIRS: Final = ((61, 291), (76, 306), (62, 292), (78, 308))
_MARGIN: Final = 0.07
_ROUNDS: Final = 6


def build_topology(landmarks: npt.NDArray[np.float32], out: Path) -> None:
    """Write the mesh made from frontal faces' landmarks [N, 468, 3] (any position and size)."""
    mean = _generalised_procrustes(landmarks.astype(np.float64))
    mirror = _mirror_pairs(mean)
    shape = (mean + mean[mirror] * [-1, 1, 1]) / 2
    uv = _uv(shape)
    skin = _skin_triangles(shape[:, :2], mirror)
    triangles, region = _assemble(skin)
    triangles = _clockwise(triangles, uv)
    np.savez_compressed(
        out,
        triangles=np.array(triangles, np.int32),
        region=np.array(region, np.uint8),
        uv=uv.astype(np.float32),
        mean_shape=shape.astype(np.float32),
        mirror=mirror.astype(np.int32),
    )


def _generalised_procrustes(shapes: F64) -> F64:
    """Return the mean shape: upright, looking at the camera, one face width wide."""
    mean = shapes[0]
    for _ in range(_ROUNDS):
        mean = np.mean([_align(shape, mean) for shape in shapes], axis=0)
        mean = (mean - mean.mean(axis=0)) / np.linalg.norm(mean[454] - mean[234])
    across = mean[454] - mean[234]
    across /= np.linalg.norm(across)
    down = mean[152] - mean[10]
    down -= across * (across @ down)
    down /= np.linalg.norm(down)
    mean = mean @ np.stack([across, down, np.cross(across, down)], axis=1)
    mean[:, 0] -= (mean[33, 0] + mean[263, 0] + mean[234, 0] + mean[454, 0]) / 4
    return mean


def _align(shape: F64, target: F64) -> F64:
    source = shape - shape.mean(axis=0)
    center = target.mean(axis=0)
    u, singular, vt = np.linalg.svd(source.T @ (target - center))
    return source @ (u @ vt) * (singular.sum() / (source**2).sum()) + center


def _mirror_pairs(mean: F64) -> npt.NDArray[np.int64]:
    """Pair each point with its mirror image, nearest pairs first."""
    gap = np.linalg.norm((mean * [-1, 1, 1])[:, None] - mean[None], axis=2)
    gap = gap + gap.T
    mirror = np.full(NUM_POINTS, -1)
    for a, b in _KNOWN_PAIRS:
        mirror[a], mirror[b] = b, a
    for flat in np.argsort(gap, axis=None):
        a, b = divmod(int(flat), NUM_POINTS)
        if mirror[a] < 0 and mirror[b] < 0:
            mirror[a], mirror[b] = b, a
    return mirror


def _uv(shape: F64) -> F64:
    """Unroll the head partly: half an orthographic view, half a cylinder."""
    x, y, z = shape.T
    axis_z = z[[234, 454]].mean()
    flat = 0.55 * x + 0.45 * np.arctan2(x, np.maximum(0.9 * (axis_z - z), 0.02))
    uv = np.stack([flat / np.abs(flat).max() / 2, (y - y.min()) / np.ptp(y) - 0.5], axis=1)
    uv *= 1 - 2 * _MARGIN
    oval = uv[list(FACE_OVAL)]
    return 0.5 + np.concatenate([uv, *(scale * oval for scale in RING_SCALES)])


def _skin_triangles(xy: F64, mirror: npt.NDArray[np.int64]) -> list[Triangle]:
    """Triangulate the left half and mirror it; holes and what lies outside the oval are left out.

    In the front view, where slivers at the silhouette would flip if they were chosen in UV. Eight
    points (the inner rim of the lips and the temples' edge) lie beyond the loops in that view:
    no triangle uses them.
    """
    middle = np.flatnonzero(mirror == np.arange(NUM_POINTS))
    middle = middle[np.argsort(xy[middle, 1])]
    half = np.flatnonzero((xy[:, 0] < 0) | np.isin(np.arange(NUM_POINTS), middle))
    chains = [
        (*FACE_OVAL, FACE_OVAL[0]),
        *(LEFT_EYE_UPPER, LEFT_EYE_LOWER, INNER_LIP_UPPER, INNER_LIP_LOWER),
        *(OUTER_LIP_UPPER, OUTER_LIP_LOWER),
        tuple(int(i) for i in middle),
    ]
    inside = {int(i) for i in half}
    fixed = {
        frozenset(edge)
        for chain in chains
        for edge in itertools.pairwise(chain)
        if inside >= set(edge)
    }
    local = constrained_delaunay(xy, sorted(inside), fixed)
    holes = [
        (*LEFT_EYE_UPPER, *LEFT_EYE_LOWER[-2:0:-1]),
        (*INNER_LIP_UPPER, *INNER_LIP_LOWER[-2:0:-1]),
    ]
    kept = [
        triangle
        for triangle in local
        if _within(xy, triangle, FACE_OVAL) and not any(_within(xy, triangle, h) for h in holes)
    ]
    mirrored = [(int(mirror[a]), int(mirror[b]), int(mirror[c])) for a, b, c in kept]
    return kept + mirrored


def constrained_delaunay(
    points: F64, indices: list[int], fixed: set[frozenset[int]]
) -> list[Triangle]:
    """Return the Delaunay triangles of some points, flipped until they hold the fixed edges.

    Bowyer-Watson, then edge flips across each missing edge (Sloan, 1993).
    """
    low = points[indices].min(axis=0)
    span = float(np.ptp(points[indices], axis=0).max())
    corners = low + span * np.array([[-20.0, -10.0], [21.0, -10.0], [0.5, 30.0]])
    first = len(points)
    points = np.concatenate([points, corners])
    triangles: set[Triangle] = {(first, first + 1, first + 2)}
    for index in indices:
        bad = {t for t in triangles if _in_circle(points, t, index)}
        edges = [frozenset(e) for t in bad for e in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0]))]
        rim = [edge for edge in edges if edges.count(edge) == 1]
        triangles -= bad
        triangles |= {_sorted(points, (*edge, index)) for edge in rim}
    for edge in sorted(fixed, key=sorted):
        _recover(points, triangles, edge)
    return sorted(t for t in triangles if max(t) < first)


def _recover(points: F64, triangles: set[Triangle], wanted: frozenset[int]) -> None:
    """Flip edges that cross `wanted` until it is there."""
    a, b = sorted(wanted)
    for _ in range(200):
        owners: dict[frozenset[int], list[Triangle]] = {}
        for t in triangles:
            for e in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])):
                owners.setdefault(frozenset(e), []).append(t)
        if wanted in owners:
            return
        crossing = [
            (edge, pair)
            for edge, pair in owners.items()
            if len(pair) == 2 and not edge & wanted and _cross(points, a, b, *sorted(edge))
        ]
        for edge, (one, two) in sorted(crossing, key=lambda item: sorted(item[0])):
            tip_one, tip_two = (set(one) - edge).pop(), (set(two) - edge).pop()
            if not _cross(points, tip_one, tip_two, *sorted(edge)):
                continue
            c, d = sorted(edge)
            triangles -= {one, two}
            triangles |= {
                _sorted(points, (tip_one, tip_two, c)),
                _sorted(points, (tip_one, tip_two, d)),
            }
            break
        else:
            break
    raise ValueError(f"the edge {a}-{b} can't be put into the triangulation")


def _cross(points: F64, a: int, b: int, c: int, d: int) -> bool:
    def side(i: int, j: int, k: int) -> float:
        return _area(points, (i, j, k))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _area(points: F64, triangle: Triangle) -> float:
    a, b, c = points[list(triangle)]
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _sorted(points: F64, triangle: tuple[int, ...]) -> Triangle:
    """Return the triangle clockwise as seen, smallest index first."""
    a, b, c = triangle
    if _area(points, (a, b, c)) < 0:
        b, c = c, b
    rolled = ((a, b, c), (b, c, a), (c, a, b))
    return min(rolled)


def _in_circle(points: F64, triangle: Triangle, index: int) -> bool:
    rows = points[list(triangle)] - points[index]
    matrix = np.column_stack([rows, (rows**2).sum(axis=1)])
    return float(np.linalg.det(matrix)) > 1e-15


def _within(xy: F64, triangle: Triangle, loop: tuple[int, ...]) -> bool:
    x, y = (float(v) for v in xy[list(triangle)].mean(axis=0))
    polygon = xy[list(loop)].astype(np.float32)[:, None]
    return cv2.pointPolygonTest(polygon, (x, y), measureDist=False) > 0


def _assemble(skin: list[Triangle]) -> tuple[list[Triangle], list[int]]:
    triangles, region = list(skin), [int(Region.SKIN)] * len(skin)

    def strip(upper: tuple[int, ...], lower: tuple[int, ...], kind: Region) -> None:
        for i in range(len(upper) - 1):
            quad = (upper[i], upper[i + 1], lower[i + 1], lower[i])
            # The other diagonal right of the middle keeps the strip symmetric.
            near = i < (len(upper) - 1) // 2
            cut = (0, 2) if near else (1, 3)
            rest = ((0, 1, 2), (0, 2, 3)) if cut == (0, 2) else ((0, 1, 3), (1, 2, 3))
            for corners in rest:
                triangle = (quad[corners[0]], quad[corners[1]], quad[corners[2]])
                if len(set(triangle)) == 3:
                    triangles.append(triangle)
                    region.append(int(kind))

    strip(LEFT_EYE_UPPER, LEFT_EYE_LOWER, Region.EYE)
    strip(RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, Region.EYE)
    strip(INNER_LIP_UPPER, INNER_LIP_LOWER, Region.MOUTH)
    rims = [list(FACE_OVAL)]
    rims += [[NUM_POINTS + k * NUM_RING + i for i in range(NUM_RING)] for k in range(2)]
    for inner, outer, kind in zip(
        rims, rims[1:], (Region.INNER_RING, Region.OUTER_RING), strict=False
    ):
        strip((*outer, outer[0]), (*inner, inner[0]), kind)
    return triangles, region


def _clockwise(triangles: list[Triangle], uv: F64) -> list[Triangle]:
    if len(uv) != NUM_VERTICES:
        raise ValueError("uv holds one row a vertex")
    return [_sorted(uv, triangle) for triangle in triangles]
