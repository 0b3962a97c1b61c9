"""A recogniser that takes part in nothing: not in making faces, not in choosing, not in the audit.

What it says tells how far what was learned against the others carries over. Keep it so: a test may
ask it, the package may not know it. From the root of the repository:
PYTHONPATH=. fsp evaluate --recogniser unseen=tests.unseen.recogniser:unseen …
"""

from __future__ import annotations

from typing import Final

import pytest

from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.faces.alignment import arcface_kps, arcface_matrices
from fsp_ray.models.embedding import calibrated_distance, embed_chips
from fsp_ray.models.session import Session
from tests.unseen.convert import DIMENSIONS, INPUT_PX, convert_mobilenet
from tests.unseen.fetch import NotHereError, unseen_weights

# By false accept rate: 2.3 million pairs of different people of 15 years and older, half of
# UTKFace, aligned by the pack's mesh. The other half gives .4945 and .6125.
MATCH_DISTANCES: Final = {0.001: 0.497, 0.01: 0.615}


class UnseenRecogniser:
    """Implements `core.protocols.FaceEmbedder`."""

    def __init__(self, model: bytes) -> None:
        self._session = Session(model)

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    @property
    def same_person_distance(self) -> float:
        return MATCH_DISTANCES[0.001]

    def match_distance(self, far: float) -> float:
        return calibrated_distance(MATCH_DISTANCES, far)

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        matrices = arcface_matrices(arcface_kps(landmarks.points), INPUT_PX)
        return embed_chips(self._session, rgb, matrices, INPUT_PX, DIMENSIONS)


def unseen() -> UnseenRecogniser:
    """Return it.

    Raises:
        NotHereError: its weights can't be had.
    """
    return UnseenRecogniser(convert_mobilenet(unseen_weights()))


def unseen_or_skip() -> UnseenRecogniser:
    """Return it, or skip the test that asks."""
    try:
        return unseen()
    except NotHereError as error:
        pytest.skip(f"the unseen recogniser: {error}")
