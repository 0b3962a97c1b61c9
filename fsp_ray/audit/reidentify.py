"""Can the auditor still tell whom a published face was put over? Distances and thresholds.

The auditor is a recogniser that took no part in making the face. Distances are 1 - cosine of
unit vectors; a pair under the threshold counts as matched, which is how often pairs of different
people do by chance (FAR) at that threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32

FALSE_ACCEPT_RATE: Final = 0.001
"""Of pairs of different people, so many lie under the distance that counts as a match."""

CAUTION_RATE: Final = 0.01
"""The same for a distance that is no match, but near enough to try another face."""

MAX_MATCHED_SHARE: Final = 0.02
"""Of a person's looks, so many may match: under 50 looks, none may."""


@dataclass(frozen=True, slots=True)
class Auditor:
    """Who judges, and from which distance on.

    Attributes:
        name: the recogniser and where it comes from, with the version.
        threshold: its distance at FALSE_ACCEPT_RATE.
        caution: its distance at CAUTION_RATE.
    """

    name: str
    threshold: float
    caution: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= self.caution < 2:
            raise ValueError("threshold and caution must lie in 0..2, the threshold below")


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close a person's published faces are to the person's own.

    Attributes:
        looks: published faces that were compared.
        distance_mean: mean distance of a published face to the source face of its own frame.
        distance_min: smallest distance of any published face to any source face of the person.
        matched_looks: published faces under the threshold to any source face of the person.
        threshold: distance under which the auditor says same.
        caution: mean distance under which another face is worth a try.
        mean_matches: whether the mean of the published faces is under the threshold to the mean of
            the source faces: it says more than any single look.
    """

    looks: int
    distance_mean: float
    distance_min: float
    matched_looks: int
    threshold: float
    caution: float
    mean_matches: bool

    def __post_init__(self) -> None:
        if self.looks < 1 or not 0 <= self.matched_looks <= self.looks:
            raise ValueError("matched_looks are some of at least one look")
        if not 0 < self.threshold <= self.caution < 2:
            raise ValueError("threshold and caution must lie in 0..2, the threshold below")

    @property
    def is_near(self) -> bool:
        """True if the person is not recognised, but resembled."""
        return self.distance_mean < self.caution

    @property
    def matches(self) -> bool:
        """True if the auditor would recognise the person."""
        return self.mean_matches or self.matched_looks > MAX_MATCHED_SHARE * self.looks


def compare(source: F32, published: F32, *, threshold: float, caution: float) -> Closeness:
    """Compare a person's published faces with the source faces of the same frames, and of others.

    Args:
        source, published: f32[K, D], unit vectors by the auditor, of the same K looks.
        threshold, caution: of the auditor.

    Raises:
        ValueError: there are no looks, or not as many of both.
    """
    check_array("source", source, np.float32, (None, None))
    check_array("published", published, np.float32, source.shape)
    if not len(source):
        raise ValueError("there must be a look to compare")
    distance = np.clip(1 - published @ source.T, 0, 2)
    nearest = distance.min(axis=1)
    return Closeness(
        looks=len(source),
        distance_mean=float(distance.diagonal().mean()),
        distance_min=float(nearest.min()),
        matched_looks=int((nearest < threshold).sum()),
        threshold=threshold,
        caution=caution,
        mean_matches=1 - float(centroid(source) @ centroid(published)) < threshold,
    )


def centroid(vectors: F32) -> npt.NDArray[np.float32]:
    """Return f32[D], the unit vector of the mean of f32[K, D]."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def found_first(person_id: str, published: F32, gallery: Mapping[str, F32]) -> bool | None:
    """Return whether the nearest person to a published face, of all in a run, is its own.

    Args:
        person_id: whose it is.
        published: f32[D], the mean of the person's published faces.
        gallery: f32[D] by person_id, the mean of each person's source faces.

    Returns:
        None if there is nobody to be mistaken for.
    """
    if person_id not in gallery or len(gallery) < 2:
        return None
    nearest = max(gallery, key=lambda other: float(published @ gallery[other]))
    return nearest == person_id
