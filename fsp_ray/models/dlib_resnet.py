"""The auditor: dlib's face recogniser."""

from __future__ import annotations

from typing import Final

from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.faces.alignment import DLIB_CHIP_PX, dlib_chip_matrices
from fsp_ray.models.embedding import embed_chips
from fsp_ray.models.session import Session

_DIMENSIONS: Final = 128
# dlib compares by Euclidean distance d. Its descriptors are 1.42 ± .08 long (measured on UTKFace),
# which makes that d²/4 here: .062 for .50, .089 for the published .60. Measured: one person within
# a clip .043 (95 %) and .053 (99 %), two persons .089 (1 %).
_SAME_PERSON_DISTANCE: Final = 0.065


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

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        """Return f32[M, 128], unit vectors.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        matrices = dlib_chip_matrices(landmarks.points)
        return embed_chips(self._session, rgb, matrices, DLIB_CHIP_PX, _DIMENSIONS)
