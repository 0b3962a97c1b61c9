"""Age and gender: what three nets say of a face, judged by a head of our own."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8, Attributes, Landmarks
from fsp_ray.faces.alignment import arcface_kps, arcface_matrices, attribute_chip_matrices
from fsp_ray.models.attribute_head import AttributeHead
from fsp_ray.models.chips import cut_chips, to_nchw
from fsp_ray.models.convert.sface import POOLED
from fsp_ray.models.embedding import MAX_BATCH
from fsp_ray.models.session import Session
from fsp_ray.models.sface import SFACE_PX

_AGE_PX: Final = 64
_GENDER_PX: Final = 32
_MEAN_RGB: Final = np.array([122.782, 117.001, 104.298], np.float32).reshape(3, 1, 1)
_SCALE: Final = np.float32(256)
_LEAST_PROBABILITY: Final = np.float32(1e-6)


class AttributeFeatures:
    """What the age and the gender net say of a face, and what SFace's hidden layers show of it.

    The age and the gender net are Cydral's (dlib-models), trained on chips that five points
    align: with plain detector boxes their error more than doubles.
    """

    def __init__(self, *, age: Session, gender: Session, sface: Session) -> None:
        self._age = age
        self._gender = gender
        self._sface = sface

    def read(self, rgb: U8, landmarks: Landmarks) -> F32:
        """Return f32[M, D], a row a face of one frame.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        points = landmarks.points
        ages, genders = self.read_bare(rgb, landmarks)
        matrices = arcface_matrices(arcface_kps(points), SFACE_PX)
        pooled = _in_batches(self._sface, to_nchw(cut_chips(rgb, matrices, SFACE_PX)), POOLED)
        return np.concatenate([ages, genders, pooled], axis=1)

    def read_bare(self, rgb: U8, landmarks: Landmarks) -> tuple[F32, F32]:
        """Return what the age net says, f32[M, 81], and the gender net, f32[M, 2], of each face.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        points = landmarks.points
        ages = _log_probabilities(self._age, rgb, points, _AGE_PX)
        return ages, _log_probabilities(self._gender, rgb, points, _GENDER_PX)


class AgeGenderEstimator:
    """An `AttributeEstimator` of features and a head."""

    def __init__(self, features: AttributeFeatures, head: AttributeHead) -> None:
        self._features = features
        self._head = head

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        """Estimate for every face of one frame.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        return self._head.read(self._features.read(rgb, landmarks))


class BareEstimator:
    """An `AttributeEstimator` of the age and the gender net alone, without a head of our own.

    It errs more than the one with the head. But nothing is chosen by what it says.
    """

    def __init__(self, features: AttributeFeatures) -> None:
        self._features = features

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        """Estimate for every face of one frame.

        Raises:
            ValueError: the points of a mesh coincide.
        """
        ages, genders = (_shares(logs) for logs in self._features.read_bare(rgb, landmarks))
        # A class a year from 0 on; then female, male.
        years = ages @ np.arange(ages.shape[1], dtype=np.float32)
        return Attributes(age_years=years, female_probability=np.ascontiguousarray(genders[:, 0]))


def _shares(logs: F32) -> F32:
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def _log_probabilities(session: Session, rgb: U8, points: F32, chip_px: int) -> F32:
    """Return f32[M, classes], centred: what stood before the net's softmax, but for a constant."""
    matrices = attribute_chip_matrices(points, chip_px)
    chips = (to_nchw(cut_chips(rgb, matrices, chip_px)) - _MEAN_RGB) / _SCALE
    (output,) = session.outputs
    logs = np.log(np.maximum(_in_batches(session, chips, output), _LEAST_PROBABILITY))
    return logs - logs.mean(axis=1, keepdims=True)


def _in_batches(session: Session, chips: F32, output: str) -> F32:
    # At least one call, empty or not: the net itself says how many values there are.
    starts = range(0, max(len(chips), 1), MAX_BATCH)
    return np.concatenate([session.run(chips[i : i + MAX_BATCH])[output] for i in starts])
