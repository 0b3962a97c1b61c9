"""Where a face lies in the crops that recognisers and estimators were trained on.

All maps are f64[M, 2, 3], from frame coordinates to chip coordinates, pixel centres at .5; pass
them through `geometry.to_pixel_index` before `cv2.warpAffine`. The published templates count from
pixel centres; half a pixel is added to them here.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, NUM_POINTS
from fsp_ray.faces.geometry import EYE_CORNERS, F64, NOSE_BASE, similarity

# ArcFace's five points in a 112 px chip: eyes, nose tip, mouth corners, image-left first
# (Deng et al., CVPR 2019; the figures as insightface publishes them), plus half a pixel.
ARCFACE_TEMPLATE_112: Final[F64] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
) + np.array(0.5)

# dlib's five-point reference face in a unit square (King, JMLR 2009; the figures of
# `get_face_chip_details`): image-right eye outer, inner; image-left eye outer, inner; nose base.
DLIB_TEMPLATE: Final[F64] = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
DLIB_POINTS: Final = (EYE_CORNERS[3], EYE_CORNERS[2], EYE_CORNERS[0], EYE_CORNERS[1], NOSE_BASE)
DLIB_CHIP_PX: Final = 150
DLIB_PADDING: Final = 0.25
ATTRIBUTE_PADDING: Final = 0.2

_NOSE_TIP: Final = 4
_MOUTH_CORNERS: Final = (61, 291)


def arcface_kps(points: F32) -> F32:
    """Return f32[M, 5, 2] from meshes [M, 468, 3]: eyes, nose tip, mouth corners.

    An eye is the middle of its corners, which blinking does not move.
    """
    check_array("points", points, np.float32, (None, NUM_POINTS, 3))
    flat = points[:, :, :2]
    left_outer, left_inner, right_inner, right_outer = EYE_CORNERS
    half = np.float32(0.5)
    return np.stack(
        [
            half * (flat[:, left_outer] + flat[:, left_inner]),
            half * (flat[:, right_inner] + flat[:, right_outer]),
            flat[:, _NOSE_TIP],
            flat[:, _MOUTH_CORNERS[0]],
            flat[:, _MOUTH_CORNERS[1]],
        ],
        axis=1,
    )


def arcface_matrices(kps: F32, chip_px: int = 112) -> F64:
    """Return the maps to ArcFace chips of `chip_px` from five points a face, f32[M, 5, 2].

    Raises:
        ValueError: the points of a face coincide.
    """
    check_array("kps", kps, np.float32, (None, 5, 2))
    return similarity(kps, ARCFACE_TEMPLATE_112 * (chip_px / 112))


def dlib_chip_matrices(
    points: F32, chip_px: int = DLIB_CHIP_PX, padding: float = DLIB_PADDING
) -> F64:
    """Return the maps to dlib's chips of `chip_px` from meshes [M, 468, 3].

    `padding` is the margin round the reference face, as a share of its side: .25 for dlib's
    recogniser, .2 for the age and gender nets.

    Raises:
        ValueError: the points of a face coincide.
    """
    check_array("points", points, np.float32, (None, NUM_POINTS, 3))
    template = (DLIB_TEMPLATE + padding) / (1 + 2 * padding) * chip_px + 0.5
    return similarity(points[:, DLIB_POINTS, :2], template)


def attribute_chip_matrices(points: F32, chip_px: int) -> F64:
    """Return the maps to the chips of the age (64 px) and gender (32 px) nets."""
    return dlib_chip_matrices(points, chip_px, ATTRIBUTE_PADDING)
