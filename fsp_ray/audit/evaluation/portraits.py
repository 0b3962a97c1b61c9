"""One portrait with its face found, and what recognisers read in a picture of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fsp_ray.audit.evaluation.labels import LabelledFile
from fsp_ray.core.face_types import F32, U8, Attributes, FaceBatch, FaceRois, Landmarks
from fsp_ray.core.protocols import AttributeEstimator, FaceDetector, FaceEmbedder, Models
from fsp_ray.faces import box_from_points, rois_from_detections, rois_from_landmarks
from fsp_ray.faces.geometry import overlap_of_smaller

# Portraits are often cut so tightly that a detector, used to films, misses the face.
_MARGIN: Final = 0.2
_MAX_SIDE_PX: Final = 1024
_MIN_PRESENCE: Final = 0.5
# A detection that lies over the known face to this degree has found it.
_MIN_OVERLAP: Final = 0.5
_GREY: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture, the face in it, and its label. Biometric: memory only.

    Attributes:
        rgb: u8[H, W, 3], with a margin round the picture.
        landmarks: one mesh, in pixels of `rgb`.
        label: what the name says.
    """

    rgb: U8
    landmarks: Landmarks
    label: LabelledFile

    @property
    def points(self) -> F32:
        """The mesh, f32[468, 3]."""
        return np.ascontiguousarray(self.landmarks.points[0])

    @property
    def xyxy(self) -> F32:
        """The mesh's box, f32[4]."""
        return box_from_points(self.landmarks.points)[0]

    @property
    def face_px(self) -> float:
        """The box's longer side."""
        x1, y1, x2, y2 = (float(v) for v in self.xyxy)
        return max(x2 - x1, y2 - y1)

    def mirrored(self, models: Models) -> Portrait | None:
        """Return the portrait seen in a mirror, or None if no mesh fits there."""
        width = self.rgb.shape[1]
        rgb = np.ascontiguousarray(self.rgb[:, ::-1])
        there = rois_from_landmarks(self.landmarks.points)
        center = there.center.copy()
        center[:, 0] = width - center[:, 0]
        rois = FaceRois(center, there.size_px, -there.angle_rad)
        landmarks = models.landmarker.landmarks(rgb, rois)
        if landmarks.presence[0] < _MIN_PRESENCE:
            return None
        return Portrait(rgb, landmarks, self.label)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read in one picture of a face. Biometric: memory only.

    Attributes:
        embeddings: by recogniser, f32[D], unit vectors.
        age_years, female_probability: as the pack's estimator reads them.
        second: of one face, as a second estimator reads it; None where there is none.
        found, found_by_recall: whether the detector, and the one for judging, see the face.
        alone: embeddings of the face with all that lies round it painted over, if asked for.
    """

    embeddings: Mapping[str, F32]
    age_years: float
    female_probability: float
    found: bool
    found_by_recall: bool
    second: Attributes | None = None
    alone: Mapping[str, F32] = field(default_factory=dict[str, F32])


def load_portrait(file: LabelledFile, models: Models) -> Portrait | None:
    """Return the portrait, or None where the picture can't be read or shows no face."""
    rgb = _read(file.path)
    if rgb is None:
        return None
    faces = models.detector.detect(rgb[None])
    if not len(faces):
        return None
    sides = faces.xyxy[:, 2:] - faces.xyxy[:, :2]
    best = int(np.argmax(sides[:, 0] * sides[:, 1] * faces.det_score))
    landmarks = _fit(rgb, faces, best, models)
    return None if landmarks is None else Portrait(rgb, landmarks, file)


class Panel:
    """The recognisers, the eyes of the pack, and whoever else reads age and gender."""

    def __init__(
        self,
        models: Models,
        recognisers: Mapping[str, FaceEmbedder],
        second: AttributeEstimator | None = None,
    ) -> None:
        self._models = models
        self._second = second
        self.recognisers = dict(recognisers)

    def read(
        self, rgb: U8, known: Landmarks, *, alone: bool = False, who_only: bool = False
    ) -> Reading:
        """Read a picture whose face is known to be at `known`.

        The face is looked for anew; where it isn't found, recognisers get the known place, as
        somebody would who has seen the picture before.

        Args:
            rgb: u8[H, W, 3].
            known: one mesh.
            alone: show the recognisers the face without its surroundings, too.
            who_only: nothing but embeddings is asked for: ages and genders are left out, as NaN.
        """
        xyxy = box_from_points(known.points)
        faces = self._models.detector.detect(rgb[None])
        overlap = overlap_of_smaller(xyxy, faces.xyxy)[0]
        found = bool((overlap >= _MIN_OVERLAP).any())
        best = int((overlap * faces.det_score).argmax()) if found else 0
        mesh = (_fit(rgb, faces, best, self._models) if found else None) or known
        embeddings = self._embeddings(rgb, mesh)
        apart = self._embeddings(_face_alone(rgb, mesh.points[0]), mesh) if alone else {}
        if who_only:
            return Reading(embeddings, np.nan, np.nan, found, found, alone=apart)
        read = self._models.attributes.estimate(rgb, mesh)
        return Reading(
            embeddings=embeddings,
            age_years=float(read.age_years[0]),
            female_probability=float(read.female_probability[0]),
            found=found,
            found_by_recall=_finds(self._models.recall_detector, rgb, xyxy),
            second=self._second.estimate(rgb, mesh) if self._second else None,
            alone=apart,
        )

    def embed(self, portrait: Portrait) -> dict[str, F32]:
        """Return one f32[D] a recogniser of a portrait as it is."""
        return self._embeddings(portrait.rgb, portrait.landmarks)

    def _embeddings(self, rgb: U8, mesh: Landmarks) -> dict[str, F32]:
        return {
            name: recogniser.embed(rgb, mesh)[0] for name, recogniser in self.recognisers.items()
        }


def _face_alone(rgb: U8, points: F32) -> U8:
    """Return the picture with all outside of the mesh's hull in one grey."""
    hull: Any = cv2.convexHull(points[:, :2].astype(np.float32))
    inside = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(hull[:, 0]).astype(np.int32), 1)
    return np.where(inside[:, :, None] > 0, rgb, np.uint8(_GREY))


def _finds(detector: FaceDetector, rgb: U8, xyxy: F32) -> bool:
    faces = detector.detect(rgb[None])
    return bool((overlap_of_smaller(xyxy, faces.xyxy) >= _MIN_OVERLAP).any())


def _fit(rgb: U8, faces: FaceBatch, index: int, models: Models) -> Landmarks | None:
    """Fit the mesh in two rounds, as a track does from its second frame on."""
    one = slice(index, index + 1)
    rois = rois_from_detections(faces.xyxy[one], faces.kps[one])
    first = models.landmarker.landmarks(rgb, rois)
    if first.presence[0] < _MIN_PRESENCE:
        return None
    second = models.landmarker.landmarks(rgb, rois_from_landmarks(first.points))
    return second if second.presence[0] >= _MIN_PRESENCE else first


def _read(path: Path) -> U8 | None:
    bgr: Any = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    height, width = bgr.shape[:2]
    scale = _MAX_SIDE_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    margin = round(_MARGIN * max(bgr.shape[:2]))
    wide: Any = cv2.copyMakeBorder(bgr, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(wide[:, :, ::-1])
