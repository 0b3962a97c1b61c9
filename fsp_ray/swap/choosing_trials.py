"""Trying a synthetic face on: draw it on a look at the head, and let every judge read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, U8, HeadView, Landmarks, SourceFace, SyntheticFace
from fsp_ray.core.protocols import (
    AttributeEstimator,
    FaceEmbedder,
    FaceLandmarker,
    FaceSwapper,
)
from fsp_ray.faces import rois_from_landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is read from one view, with or without a synthetic face on.

    Attributes:
        embeddings: one unit vector f32[D] a judge.
        age_years, female_probability: as the estimator reads them.
        presence: 0..1, how sure the landmarker is of a face.
    """

    embeddings: tuple[F32, ...]
    age_years: float
    female_probability: float
    presence: float

    def probability_of(self, gender: Gender) -> float:
        """Return 0..1."""
        female = self.female_probability
        return female if gender == "female" else 1 - female


class TryOn:
    """Draws faces on views and reads them; holds the models, and nothing of anybody."""

    def __init__(
        self,
        swapper: FaceSwapper,
        judges: Sequence[FaceEmbedder],
        attributes: AttributeEstimator,
        landmarker: FaceLandmarker,
    ) -> None:
        if not judges:
            raise ValueError("at least one judge is needed")
        self._swapper = swapper
        self.judges = tuple(judges)
        self._attributes = attributes
        self._landmarker = landmarker

    def bare(self, view: HeadView) -> Look:
        """Read the real face."""
        return self._look(view.rgb, view.points)

    def wearing(self, face: SyntheticFace, source: SourceFace, view: HeadView) -> Look | None:
        """Read the synthetic face; None if it can't be drawn on this view."""
        rgb = view.rgb.copy()
        try:
            self._swapper.session(face, source).apply(rgb, view.points)
        except ValueError:
            return None
        return self._look(rgb, view.points)

    def _look(self, rgb: U8, points: F32) -> Look:
        """Fit the mesh anew, as anybody would who sees only the picture."""
        landmarks = self._landmarker.landmarks(rgb, rois_from_landmarks(points[None]))
        presence = float(landmarks.presence[0])
        if presence <= 0:  # no mesh to align by: read where the face was
            landmarks = Landmarks(points[None], np.zeros(1, np.float32))
        read = self._attributes.estimate(rgb, landmarks)
        return Look(
            embeddings=tuple(judge.embed(rgb, landmarks)[0] for judge in self.judges),
            age_years=float(read.age_years[0]),
            female_probability=float(read.female_probability[0]),
            presence=presence,
        )
