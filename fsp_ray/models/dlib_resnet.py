"""The auditor: dlib's face recogniser."""

from __future__ import annotations

from typing import Final

from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.faces.alignment import DLIB_CHIP_PX, dlib_chip_matrices
from fsp_ray.models.embedding import calibrated_distance, embed_chips
from fsp_ray.models.session import Session

_DIMENSIONS: Final = 128
# dlib compares by Euclidean distance d. Its descriptors are 1.42 ± .08 long (measured on UTKFace),
# which makes that d²/4 here: .062 for .50, .089 for the published .60. Measured: one person within
# a clip .043 (95 %) and .053 (99 %), two persons .089 (1 %).
_SAME_PERSON_DISTANCE: Final = 0.065
# By false accept rate: 2.3 million pairs of different people of 15 years and older, half of
# UTKFace, aligned by the pack's mesh. The other half gives .0675 and .0882; pairs of one sex and
# decade alone .051 and .072; all ages .046 and .077, for small children look alike to it.
_MATCH_DISTANCES: Final = {0.001: 0.067, 0.01: 0.088}


class DlibEmbedder:
    """King's ResNet of 2017 (dlib-models, CC0); a `FaceEmbedder`.

    dlib's own descriptors are not unit vectors and are compared by their Euclidean distance;
    here they are brought to unit length, as the role asks for.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return _DIMENSIONS

    @property
    def same_person_distance(self) -> float:
        """Cosine distance under which two faces are one person's."""
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
        matrices = dlib_chip_matrices(landmarks.points)
        return embed_chips(self._session, rgb, matrices, DLIB_CHIP_PX, _DIMENSIONS)
