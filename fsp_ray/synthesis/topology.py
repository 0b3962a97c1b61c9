"""The mesh: triangles over 468 points and two rings, its mean shape, and where a texel lies.

The numbering of the points and the index loops of lids, lips and face oval are MediaPipe's
(Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019).
Triangles, mean shape and UV are this project's: see `topology_build`.
"""

from __future__ import annotations

import enum
import functools
import io
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, NUM_POINTS

I32 = npt.NDArray[np.int32]

FACE_OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# Strips over the holes: upper and lower rim run from one corner to the other, pair by pair.
LEFT_EYE_UPPER: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_EYE_LOWER: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_EYE_UPPER: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362)
RIGHT_EYE_LOWER: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362)
INNER_LIP_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIP_UPPER: Final = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LEFT_BROW: Final = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
RIGHT_BROW: Final = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)

RING_SCALES: Final = (1.14, 1.5)
NUM_RING: Final = len(FACE_OVAL)
NUM_VERTICES: Final = NUM_POINTS + len(RING_SCALES) * NUM_RING
# Which of the mesh carries a texture: the face and the inner ring, so that filters over the
# texture see skin beyond the oval.
TEXTURED_VERTICES: Final = NUM_POINTS + NUM_RING

# How much a point says about where the head is; the rest is how the face moves.
_MOUTH_WEIGHT, _JAW_WEIGHT, _BROW_WEIGHT = 0.15, 0.2, 0.4


class Region(enum.IntEnum):
    """What a triangle lies on."""

    SKIN = 0
    EYE = 1
    MOUTH = 2
    INNER_RING = 3
    OUTER_RING = 4


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """The constant mesh.

    Attributes:
        triangles: i32[T, 3], indices of vertices, clockwise as seen on a face that looks at the
            camera (positive area where y points down).
        region: u8[T], a `Region` each. EYE and MOUTH are strips over holes, not skin.
        uv: f32[540, 2], 0..1; those of the outer ring lie outside and carry no texture.
        mean_shape: f32[468, 3], mirror-symmetric, origin in the middle, unit: face widths.
        mirror: i32[468], each point's partner on the other half.
        rigid_weight: f32[468], how much a point counts when shapes are aligned.
    """

    triangles: I32
    region: npt.NDArray[np.uint8]
    uv: F32
    mean_shape: F32
    mirror: I32
    rigid_weight: F32

    def __post_init__(self) -> None:
        count = len(self.triangles)
        check_array("triangles", self.triangles, np.int32, (count, 3))
        check_array("region", self.region, np.uint8, (count,))
        check_array("uv", self.uv, np.float32, (NUM_VERTICES, 2))
        check_array("mean_shape", self.mean_shape, np.float32, (NUM_POINTS, 3))
        check_array("mirror", self.mirror, np.int32, (NUM_POINTS,))
        check_array("rigid_weight", self.rigid_weight, np.float32, (NUM_POINTS,))
        if self.triangles.min() < 0 or self.triangles.max() >= NUM_VERTICES:
            raise ValueError("triangles must name vertices of the mesh")

    def of(self, *regions: Region) -> I32:
        """Return the triangles of some regions, i32[K, 3]."""
        return self.triangles[np.isin(self.region, regions)]


@functools.cache
def load_topology() -> Topology:
    """Return the mesh. Its arrays are shared: read only."""
    file = resources.files("fsp_ray.synthesis").joinpath("data/topology.npz")
    with np.load(io.BytesIO(file.read_bytes())) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["rigid_weight"] = _rigid_weight(arrays["mean_shape"])
    for array in arrays.values():
        array.flags.writeable = False
    return Topology(**arrays)


def with_rings(points: F32) -> F32:
    """Return the mesh's vertices f32[540, 3]: the points [468, 3], then the two rings.

    A ring is the face oval, enlarged about its own centre.
    """
    check_array("points", points, np.float32, (NUM_POINTS, 3))
    oval = points[list(FACE_OVAL)]
    center = oval.mean(axis=0)
    rings = [center + np.float32(scale) * (oval - center) for scale in RING_SCALES]
    return np.concatenate([points, *rings])


def signed_areas(points: npt.NDArray[np.floating], triangles: I32) -> F32:
    """Return the areas f32[T] of triangles in x and y; negative where one is seen from behind."""
    xy = points[:, :2].astype(np.float32)
    a, b, c = (xy[triangles[:, i]] for i in range(3))
    ab, ac = b - a, c - a
    area = (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]) / 2
    return area.astype(np.float32)


def normalise_shape(points: F32) -> F32:
    """Return `points` [468, 3] aligned to the mean shape; unit: face widths.

    A similarity in three dimensions (rotation, one scale, shift), weighted so that mouth, jaw
    and brows, which move, hardly count. Umeyama, PAMI 1991.

    Raises:
        ValueError: the points all coincide or are not finite.
    """
    check_array("points", points, np.float32, (NUM_POINTS, 3))
    mesh = load_topology()
    weight = mesh.rigid_weight.astype(np.float64)[:, None]
    source = points.astype(np.float64)
    center = (weight * source).sum(axis=0)
    source = source - center
    target_center = (weight * mesh.mean_shape).sum(axis=0)
    spread = float((weight * source * source).sum())
    if not np.isfinite(spread) or spread < 1e-12:
        raise ValueError("a shape needs points that are finite and differ")
    u, singular, vt = np.linalg.svd((weight * source).T @ (mesh.mean_shape - target_center))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum()) / spread
    return (scale * source @ rotation + target_center).astype(np.float32)


def _rigid_weight(mean_shape: F32) -> F32:
    """Return the weights, which sum to 1."""
    weight = np.ones(NUM_POINTS, np.float32)
    corner_y = float(mean_shape[[61, 291], 1].mean())
    weight[mean_shape[:, 1] > corner_y] = _JAW_WEIGHT
    lips = mean_shape[[*OUTER_LIP_UPPER, *OUTER_LIP_LOWER], :2]
    center = lips.mean(axis=0)
    reach = 1.25 * np.abs(lips - center).max(axis=0)
    near = (np.abs(mean_shape[:, :2] - center) < reach).all(axis=1)
    weight[near] = _MOUTH_WEIGHT
    weight[[*LEFT_BROW, *RIGHT_BROW]] = _BROW_WEIGHT
    return weight / weight.sum()
