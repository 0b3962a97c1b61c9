"""Age and gender from two small nets."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8, Attributes, Landmarks
from fsp_ray.faces.alignment import attribute_chip_matrices
from fsp_ray.models.chips import cut_chips, to_nchw
from fsp_ray.models.session import Session

_AGE_PX: Final = 64
_GENDER_PX: Final = 32
_MAX_BATCH: Final = 16
_MEAN_RGB: Final = np.array([122.782, 117.001, 104.298], np.float32).reshape(3, 1, 1)
_SCALE: Final = np.float32(256)
# The age that each of the 81 classes stands for; the first is "under one".
_CLASS_AGES: Final = np.array([0.25, *range(1, 81)], np.float32)
_FEMALE: Final = 0


class AgeGenderEstimator:
    """Cydral's dlib nets, trained on chips that five points align; an `AttributeEstimator`.

    Alignment decides: with plain detector boxes the age error more than doubles.
    """

    def __init__(self, *, age: Session, gender: Session) -> None:
        self._age = age
        self._gender = gender

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        """Estimate for every face of one frame.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        ages = _probabilities(self._age, rgb, landmarks.points, _AGE_PX) @ _CLASS_AGES
        genders = _probabilities(self._gender, rgb, landmarks.points, _GENDER_PX)
        return Attributes(
            age_years=ages.astype(np.float32),
            female_probability=np.ascontiguousarray(genders[:, _FEMALE]),
        )


def _probabilities(session: Session, rgb: U8, points: F32, chip_px: int) -> F32:
    """Return f32[M, classes]."""
    matrices = attribute_chip_matrices(points, chip_px)
    chips = (to_nchw(cut_chips(rgb, matrices, chip_px)) - _MEAN_RGB) / _SCALE
    (output,) = session.outputs
    # At least one call, empty or not: the net itself says how many classes there are.
    starts = range(0, max(len(chips), 1), _MAX_BATCH)
    return np.concatenate([session.run(chips[i : i + _MAX_BATCH])[output] for i in starts])
