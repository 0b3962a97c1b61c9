"""The matcher: SFace."""

from __future__ import annotations

from typing import Final

from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.faces.alignment import arcface_kps, arcface_matrices
from fsp_ray.models.embedding import calibrated_distance, embed_chips
from fsp_ray.models.session import Session

SFACE_PX: Final = 112
_DIMENSIONS: Final = 128
# Measured, cosine distance: one person within a track .28 (95 %), across shots .51-.54 (95 %),
# two persons .67 (1 %). At .50 one pair of adults in 2,500 is taken for one person.
_SAME_PERSON_DISTANCE: Final = 0.5
# By false accept rate: 2.3 million pairs of different people of 15 years and older, half of
# UTKFace, aligned by the pack's mesh. The other half gives .523 and .599; pairs of one sex and
# decade alone .460 and .560; all ages .418 and .575, for small children look alike to it.
_MATCH_DISTANCES: Final = {0.001: 0.53, 0.01: 0.603}


class SFaceEmbedder:
    """Zhong et al., "SFace: Sigmoid-constrained hypersphere loss", TIP 2021; a `FaceEmbedder`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return _DIMENSIONS

    @property
    def same_person_distance(self) -> float:
        """Cosine distance under which two tracks are one person."""
        return _SAME_PERSON_DISTANCE

    def match_distance(self, far: float) -> float:
        """Return the distance under which a share `far` of pairs of different people lies.

        Raises:
            ValueError: `far` is neither .01 nor .001.
        """
        return calibrated_distance(_MATCH_DISTANCES, far)

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        """Return f32[M, 128], unit vectors.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        matrices = arcface_matrices(arcface_kps(landmarks.points), SFACE_PX)
        return embed_chips(self._session, rgb, matrices, SFACE_PX, _DIMENSIONS)
