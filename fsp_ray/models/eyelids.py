"""The lids: MediaPipe's iris net reads their rims where the mesh hardly follows them."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8, FaceRois
from fsp_ray.faces.geometry import F64, apply_affine, invert_affine, roi_matrices
from fsp_ray.models.chips import cut_chips, to_nchw
from fsp_ray.models.session import Session

_INPUT_PX: Final = 64
# The net was trained on squares of that many eye widths.
_SQUARE: Final = 2.3
_MAX_BATCH: Final = 16
# The net's points come in the order of the eye on the left of the picture; the other one is
# mirrored. Rims and their two rings of neighbours, as the net's authors number the mesh.
_RIMS: Final = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
_FOLDS: Final = (
    (25, 110, 24, 23, 22, 26, 112, 247, 30, 29, 27, 28, 56, 190),
    (255, 339, 254, 253, 252, 256, 341, 467, 260, 259, 257, 258, 286, 414),
)
_FOLDS_AT: Final = (*range(17, 24), *range(25, 32))
# In the net's order: the corners, and the rims' points between them, below and above.
_OUTER, _INNER = 0, 8
_BELOW, _ABOVE = slice(1, 8), slice(9, 16)
# Of an eye seen from the side, or of a few pixels, the net knows no more than the mesh.
_SIDEWAYS: Final = (0.35, 0.6)
_SMALL_PX: Final = (3.0, 6.0)


class LidReader:
    """Moves the mesh's lids to where they are seen.

    The mesh reads a shut eye all but open. The net that MediaPipe refines it with reads a square
    about each eye (Ablavatski et al., "Real-time pupil tracking from monocular video for digital
    puppetry", 2020).
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def refine(self, rgb: U8, points: F32) -> F32:
        """Return meshes with their lids moved, f32[M, 468, 3]; the eyes' corners stay.

        Args:
            rgb: u8[H, W, 3], the frame.
            points: f32[M, 468, 3], meshes as fitted in it, pixels.
        """
        refined = points.copy()
        for start in range(0, len(points), _MAX_BATCH // 2):
            part = refined[start : start + _MAX_BATCH // 2]
            corners = np.concatenate([part[:, [side[_OUTER], side[_INNER]]] for side in _RIMS])
            seen = self._read(rgb, corners[:, :, :2])
            trust = _trust(corners)
            for side in range(len(_RIMS)):
                rows = slice(side * len(part), (side + 1) * len(part))
                _move(part, side, seen[rows], trust[rows])
        return refined

    def _read(self, rgb: U8, corners: F32) -> F64:
        """Return the contours of 2M eyes, those on the left first, f64[2M, 71, 2], pixels."""
        outer, inner = corners[:, 0], corners[:, 1]
        mirrored = np.arange(len(corners)) >= len(corners) // 2
        first = np.where(mirrored[:, None], inner, outer)
        across = np.where(mirrored[:, None], outer, inner) - first
        width = np.hypot(across[:, 0], across[:, 1])
        rois = FaceRois(
            center=np.asarray(first + across / 2, np.float32),
            size_px=np.maximum(np.float32(_SQUARE) * width, 1).astype(np.float32),
            angle_rad=np.arctan2(across[:, 1], across[:, 0]).astype(np.float32),
        )
        matrices = roi_matrices(rois, _INPUT_PX)
        matrices[mirrored, 0] *= -1
        matrices[mirrored, 0, 2] += _INPUT_PX
        crops = to_nchw(cut_chips(rgb, matrices, _INPUT_PX)) / np.float32(255)
        contour = self._session.run(crops)["contour"].reshape(len(crops), -1, 3)
        return apply_affine(invert_affine(matrices), contour[:, :, :2])


def _trust(corners: F32) -> F64:
    """Return how far the net is believed over the mesh, f64[2M] in 0..1."""
    across = (corners[:, 1] - corners[:, 0]).astype(np.float64)
    seen, whole = np.hypot(across[:, 0], across[:, 1]), np.linalg.norm(across, axis=1)
    frontal = (seen / np.maximum(whole, 1e-6) - _SIDEWAYS[0]) / (_SIDEWAYS[1] - _SIDEWAYS[0])
    clear = (seen - _SMALL_PX[0]) / (_SMALL_PX[1] - _SMALL_PX[0])
    return np.clip(np.minimum(frontal, clear), 0, 1)


def _move(points: F32, side: int, seen: F64, trust: F64) -> None:
    """Move one side's lids in meshes [M, 468, 3], in place.

    The corners stay: faces are aligned by them, and recognisers' thresholds were measured so. How
    deep a lid lies goes with how far it is closed.
    """
    rims, folds = list(_RIMS[side]), list(_FOLDS[side])
    mesh = points[:, rims].astype(np.float64)
    share = trust[:, None, None]
    fitted = mesh.copy()
    fitted[:, 1:_INNER, :2] = seen[:, 1:_INNER]
    fitted[:, _ABOVE, :2] = seen[:, _ABOVE]
    gaps = [
        np.linalg.norm(rim[:, _ABOVE, :2] - rim[:, _BELOW, :2], axis=2) for rim in (fitted, mesh)
    ]
    open_share = np.clip(gaps[0] / np.maximum(gaps[1], 1e-3), 0, 1)
    below = mesh[:, _BELOW, 2]
    fitted[:, _ABOVE, 2] = below + open_share * (mesh[:, _ABOVE, 2] - below)
    points[:, rims] = mesh + share * (fitted - mesh)
    about = points[:, folds, :2]
    points[:, folds, :2] = about + share * (seen[:, list(_FOLDS_AT)] - about)
