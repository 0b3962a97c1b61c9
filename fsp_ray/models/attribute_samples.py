"""Labelled faces to fit and judge the head of age and gender on, also as video would show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, U8, FaceRois, Landmarks
from fsp_ray.core.protocols import FaceDetector, FaceLandmarker
from fsp_ray.faces.geometry import rois_from_detections, rois_from_landmarks
from fsp_ray.models.age_gender import AttributeFeatures

# The looks that the head is fitted on: as it is, mirrored, and as video spoils it.
AS_IS: Final = 0
MIRRORED: Final = 1
LOOKS: Final = (AS_IS, MIRRORED, 2)

_BORDER_PX: Final = 40  # faces that fill their picture are found by what is round them
_LEAST_PRESENCE: Final = 0.5
_WIDTHS_PX: Final = (40.0, 170.0)
_BLUR_PX: Final = (0.3, 1.0)
_GAIN: Final = (0.8, 1.2)
_COLOUR_GAIN: Final = (0.93, 1.07)
_OFFSET: Final = 12.0
_QUALITY: Final = (35, 90)
# A UTKFace name: years_gender_origin_date; gender 1 is female.
_NAME_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """A picture of one face and what its name says of it."""

    path: Path
    age_years: int
    is_female: bool

    @property
    def is_fitted_on(self) -> bool:
        """Whether the head may learn from it: half of all, chosen by the hash of the name."""
        return int(hashlib.sha1(self.path.name.encode()).hexdigest(), 16) % 2 == 0  # noqa: S324 - no secret

    def rng(self, look: int) -> np.random.Generator:
        """Return what a look at this face is drawn from: the same every time."""
        digest = hashlib.sha256(self.path.name.encode()).digest()
        return np.random.default_rng([look, int.from_bytes(digest[:8], "big")])


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What was read of N faces.

    Attributes:
        features: f32[N, D].
        age_years: f32[N], as labelled.
        is_female: bool[N], as labelled.
        names: of the files.
    """

    features: F32
    age_years: F32
    is_female: npt.NDArray[np.bool_]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FaceReader:
    """Finds the face of a portrait."""

    detector: FaceDetector
    landmarker: FaceLandmarker

    def mesh(self, rgb: U8) -> Landmarks | None:
        """Return the mesh of the largest face, None where there is none."""
        border = _BORDER_PX
        wide: Any = cv2.copyMakeBorder(rgb, border, border, border, border, cv2.BORDER_REPLICATE)
        found = self.detector.detect(wide[None])
        if not len(found):
            return None
        best = int(np.argmax((found.xyxy[:, 2] - found.xyxy[:, 0]) * found.det_score))
        rois = rois_from_detections(found.xyxy[best : best + 1], found.kps[best : best + 1])
        first = self.landmarker.landmarks(wide, rois)
        mesh = self.landmarker.landmarks(wide, rois_from_landmarks(first.points))
        if mesh.presence[0] < _LEAST_PRESENCE:
            return None
        shift = np.array([_BORDER_PX, _BORDER_PX, 0], np.float32)
        return Landmarks(mesh.points - shift, mesh.presence)


def labelled_faces(folder: Path) -> tuple[LabelledFace, ...]:
    """Return the faces of a UTKFace-style folder by name; files named otherwise are left out."""
    return tuple(face for path in sorted(folder.rglob("*.jpg")) for face in _parsed(path))


def _parsed(path: Path) -> Iterator[LabelledFace]:
    parts = path.name.split("_")
    if len(parts) >= _NAME_PARTS and parts[0].isdigit() and parts[1] in ("0", "1"):
        yield LabelledFace(path, int(parts[0]), parts[1] == "1")


def read_samples(
    faces: Sequence[LabelledFace], look: int, reader: FaceReader, features: AttributeFeatures
) -> Samples:
    """Return what is read of the faces in one look; those that are not found are left out.

    Raises:
        ValueError: not one was found.
    """
    read: list[tuple[F32, LabelledFace]] = []
    for face in faces:
        picture: Any = cv2.imread(str(face.path))
        if picture is None:
            continue
        rgb = np.ascontiguousarray(picture[:, :, ::-1])
        mesh = reader.mesh(rgb)
        if mesh is None:
            continue
        if look != AS_IS:
            rgb, rois = look_at(rgb, mesh, look, face.rng(look))
            mesh = reader.landmarker.landmarks(rgb, rois)
        read.append((features.read(rgb, mesh)[0], face))
    if not read:
        raise ValueError("there is not one labelled face to be found")
    return Samples(
        np.stack([row for row, _ in read]),
        np.array([face.age_years for _, face in read], np.float32),
        np.array([face.is_female for _, face in read], np.bool_),
        tuple(face.path.name for _, face in read),
    )


def look_at(rgb: U8, mesh: Landmarks, look: int, rng: np.random.Generator) -> tuple[U8, FaceRois]:
    """Return the picture as a look shows it, and where its face is in that."""
    rois, scale = rois_from_landmarks(mesh.points), 1.0
    if look == MIRRORED or rng.random() < 0.5:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        centre = rois.center * np.array([-1, 1], np.float32)
        centre[:, 0] += rgb.shape[1]
        rois = FaceRois(centre, rois.size_px, -rois.angle_rad)
    if look != MIRRORED:
        rgb, scale = degraded(rgb, float(np.ptp(mesh.points[0, :, 0])), rng)
    factor = np.float32(scale)
    return rgb, FaceRois(rois.center * factor, rois.size_px * factor, rois.angle_rad)


def degraded(rgb: U8, face_width_px: float, rng: np.random.Generator) -> tuple[U8, float]:
    """Return the picture smaller, blurred, in another light and compressed, and its scale."""
    least, most = np.log(_WIDTHS_PX)
    scale = min(1.0, float(np.exp(rng.uniform(least, most))) / face_width_px)
    small: Any = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(*_BLUR_PX))
    if rng.random() < 0.5:
        gain = rng.uniform(*_GAIN) * rng.uniform(*_COLOUR_GAIN, 3)
        lit = small * gain + rng.uniform(-_OFFSET, _OFFSET)
        small = np.clip(lit, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(*_QUALITY))
        _, code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        small = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(small), scale
