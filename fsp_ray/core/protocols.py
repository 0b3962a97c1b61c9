"""The roles that models and storage play, as the stages see them.

Every call may be made on an empty batch of faces. Frames are RGB, u8[H, W, 3].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import (
    F32,
    U8,
    Attributes,
    Choice,
    FaceBatch,
    FaceReading,
    FaceRois,
    HeadView,
    Landmarks,
    SourceFace,
    SyntheticFace,
)


class MediaSource(Protocol):
    """One source video, wherever it lies."""

    @property
    def uri(self) -> str:
        """What to call it in messages and tables."""
        ...

    @property
    def local_path(self) -> Path | None:
        """Its path, if it is a local file."""
        ...

    def open(self) -> BinaryIO:
        """Open it for reading with seeking. The caller closes it."""
        ...


class FaceDetector(Protocol):
    """Finds faces in whole frames."""

    def detect(self, rgb: U8) -> FaceBatch:
        """Detect in a batch of frames, u8[N, H, W, 3]."""
        ...


class FaceLandmarker(Protocol):
    """Fits the dense mesh to faces whose place is roughly known."""

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        """Fit one mesh a ROI, in one frame."""
        ...


class FaceEmbedder(Protocol):
    """Turns a face into a vector that is close for one person and far for two."""

    @property
    def dimensions(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def same_person_distance(self) -> float:
        """Distance (1 - cosine, for unit vectors) under which two tracks are one person."""
        ...

    def match_distance(self, far: float) -> float:
        """Return the distance under which a share `far` of pairs of different people lies.

        Raises:
            ValueError: the recogniser was not calibrated for that false accept rate; all are for
                .01 and .001.
        """
        ...

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        """Return f32[M, D], unit vectors."""
        ...


class AttributeEstimator(Protocol):
    """Reads age and gender."""

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        """Estimate for every face of one frame."""
        ...


class FaceGenerator(Protocol):
    """Makes the face of nobody that replaces a person's."""

    def generate(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        rng: np.random.Generator,
    ) -> SyntheticFace:
        """Return a face of that age and gender whose tone suits the source's surroundings."""
        ...


class SwapSession(Protocol):
    """One synthetic face going over the consecutive frames of one track."""

    def apply(self, rgb: U8, points: F32) -> None:
        """Put the face on, in place; points f32[468, 3] in pixels of the frame.

        Raises:
            ValueError: the mesh is degenerate or outside of the frame; nothing was drawn, and
                the caller must cover the face instead.
        """
        ...


class FaceSwapper(Protocol):
    """Puts synthetic faces on."""

    def session(self, face: SyntheticFace, source: SourceFace) -> SwapSession:
        """Start on one track."""
        ...


class FaceChooser(Protocol):
    """Chooses, among faces of nobody, the one under which a person is recognised least."""

    def choose(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        *,
        taken: Sequence[FaceReading] = (),
        attempt: int = 0,
    ) -> Choice:
        """Return a face for a person.

        Args:
            person_id: whose face is replaced.
            age_years, gender: as read from the source, and as the face is to read.
            source: the mean real face.
            views: looks at the real head to try faces on, the best one first; may be empty.
            rng: what the face is drawn from; the same gives the same face.
            taken: how other persons read already, and what was rejected: to keep away from.
            attempt: how many faces were rejected before; the more, the longer is searched.
        """
        ...

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        """Return how a person reads with a face on, from the same views as `choose` gets."""
        ...

    def at_age(
        self, face: SyntheticFace, source: SourceFace, age_years: float
    ) -> SyntheticFace | None:
        """Return a chosen face as made at another age; None where it can't be made again."""
        ...


class Models(Protocol):
    """The roles of one pack that the stages need, each loaded when first asked for."""

    @property
    def detector(self) -> FaceDetector:
        """Finds faces, at two scales."""
        ...

    @property
    def recall_detector(self) -> FaceDetector:
        """Finds more faces, slower: for cuts and for judging."""
        ...

    @property
    def hint_detector(self) -> FaceDetector:
        """The detector with its weak finds: scores under .5 are hints, no faces by themselves."""
        ...

    @property
    def second_detector(self) -> FaceDetector:
        """A net of its own that errs independently of the detector, hints included."""
        ...

    @property
    def landmarker(self) -> FaceLandmarker:
        """Fits the mesh."""
        ...

    @property
    def matcher(self) -> FaceEmbedder:
        """Groups tracks into persons and chooses faces."""
        ...

    @property
    def judges(self) -> Sequence[FaceEmbedder]:
        """Choose faces: the matcher first; never the auditor."""
        ...

    @property
    def auditor(self) -> FaceEmbedder:
        """Only audits."""
        ...

    @property
    def attributes(self) -> AttributeEstimator:
        """Reads age and gender."""
        ...
