"""Fitting meshes where a detection, or a mesh in a neighbouring frame, says a face is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsp_ray.core.face_types import DETECTED, F32, FOLLOWED, U8, FaceBatch
from fsp_ray.core.protocols import FaceLandmarker
from fsp_ray.faces.geometry import box_from_points, rois_from_detections, rois_from_landmarks
from fsp_ray.faces.plausibility import agrees_with_detection, plausible_meshes, plausible_steps


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in one frame.

    Attributes:
        xyxy: f32[4], pixels.
        points: f32[468, 3], or None where the net saw no face.
        presence, det_score: 0..1.
        origin: DETECTED or FOLLOWED.
    """

    xyxy: F32
    points: F32 | None
    presence: float
    det_score: float
    origin: int


def fit_from_meshes(
    landmarker: FaceLandmarker, rgb: U8, meshes: Sequence[F32], num_frames: Sequence[int]
) -> list[Sighting | None]:
    """Look for faces where they were `num_frames` frames ago; None where one can't be believed."""
    if not meshes:
        return []
    before = np.stack(meshes)
    fit = landmarker.landmarks(rgb, rois_from_landmarks(before))
    ok = plausible_meshes(fit.points, fit.presence)
    gaps = np.array(num_frames, dtype=np.int64)
    ok[ok] = plausible_steps(before[ok], fit.points[ok], gaps[ok])
    boxes = box_from_points(fit.points)
    return [
        Sighting(boxes[i], fit.points[i], float(fit.presence[i]), 0.0, FOLLOWED) if ok[i] else None
        for i in range(len(meshes))
    ]


def fit_from_detections(
    landmarker: FaceLandmarker, rgb: U8, found: FaceBatch, chosen: Sequence[int]
) -> dict[int, Sighting]:
    """Fit meshes to some detections of a frame, by index; those not to be believed are left out.

    Two passes: the second looks where the first saw the face, which halves the error (notes).
    """
    if not chosen:
        return {}
    index = np.array(chosen)
    rois = rois_from_detections(found.xyxy[index], found.kps[index])
    first = landmarker.landmarks(rgb, rois)
    ok = plausible_meshes(first.points, first.presence)
    index = index[ok]
    if not len(index):
        return {}
    fit = landmarker.landmarks(rgb, rois_from_landmarks(first.points[ok]))
    ok = plausible_meshes(fit.points, fit.presence)
    ok[ok] = agrees_with_detection(fit.points[ok], found.xyxy[index[ok]])
    boxes = box_from_points(fit.points)
    return {
        int(index[i]): Sighting(
            boxes[i],
            fit.points[i],
            float(fit.presence[i]),
            float(found.det_score[index[i]]),
            DETECTED,
        )
        for i in np.flatnonzero(ok)
    }
