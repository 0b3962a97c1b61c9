"""The landmarker: MediaPipe's 468-point mesh, its lids read anew."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, NUM_POINTS, U8, FaceRois, Landmarks
from fsp_ray.faces.geometry import apply_affine, invert_affine, roi_matrices
from fsp_ray.models.chips import cut_chips, to_nchw
from fsp_ray.models.eyelids import LidReader
from fsp_ray.models.session import Session

_INPUT_PX: Final = 192
_MAX_BATCH: Final = 16


class MeshLandmarker:
    """Fits meshes in one pass over the given ROIs; implements `FaceLandmarker`.

    The net reads an upright face in a 192 px square (Kartynnik et al., "Real-time facial surface
    geometry from monocular video on mobile GPUs", 2019).

    Args:
        session: the mesh net.
        lids: moves the lids of what was fitted; without it they hardly follow a blink.
    """

    def __init__(self, session: Session, lids: LidReader | None = None) -> None:
        self._session, self._lids = session, lids

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        """Fit one mesh a ROI, in one frame u8[H, W, 3]."""
        check_array("rgb", rgb, np.uint8, (None, None, 3))
        parts = [
            self._fit(rgb, _slice(rois, start, start + _MAX_BATCH))
            for start in range(0, len(rois), _MAX_BATCH)
        ]
        if not parts:
            return Landmarks(np.empty((0, NUM_POINTS, 3), np.float32), np.empty(0, np.float32))
        return Landmarks(
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.presence for part in parts]),
        )

    def _fit(self, rgb: U8, rois: FaceRois) -> Landmarks:
        matrices = roi_matrices(rois, _INPUT_PX)
        crops = to_nchw(cut_chips(rgb, matrices, _INPUT_PX)) / np.float32(255)
        outputs = self._session.run(crops)
        in_crop = outputs["points"].reshape(-1, NUM_POINTS, 3)
        points = np.empty_like(in_crop)
        points[:, :, :2] = apply_affine(invert_affine(matrices), in_crop[:, :, :2])
        points[:, :, 2] = in_crop[:, :, 2] * (rois.size_px / np.float32(_INPUT_PX))[:, None]
        if self._lids is not None:
            points = self._lids.refine(rgb, points)
        return Landmarks(points, _sigmoid(outputs["presence_logit"][:, 0]))


def _slice(rois: FaceRois, start: int, stop: int) -> FaceRois:
    return FaceRois(rois.center[start:stop], rois.size_px[start:stop], rois.angle_rad[start:stop])


def _sigmoid(logit: F32) -> F32:
    # tanh does not overflow where exp would.
    return np.float32(0.5) * (np.float32(1) + np.tanh(logit / np.float32(2)))
