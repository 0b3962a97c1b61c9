"""What a face on a person's head costs: how much of the person is left, and what looks wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, FaceReading
from fsp_ray.core.protocols import FaceEmbedder
from fsp_ray.swap.choosing_ages import AgeTrail
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.choosing_trials import Look

REFUSED: Final = 10.0
"""What a refused face costs: it is put on only where every other is refused, too."""

_FAR: Final = 0.01
# Nearer to even than this, the next look may read as the other gender.
_EVEN: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Whom a face is judged for.

    Attributes:
        gender: as the face is to read.
        bare: what is read from the views without a synthetic face.
        taken: f32[K, D] a judge, how the faces read that others have; none where nobody has one.
    """

    gender: Gender
    bare: Sequence[Look]
    taken: Sequence[F32]


class Costs:
    """Weighs what the judges see; the auditor must not be among them."""

    def __init__(self, judges: Sequence[FaceEmbedder], settings: ChooserSettings) -> None:
        self._thresholds = [1 - judge.match_distance(_FAR) for judge in judges]
        self._settings = settings

    def of_looks(self, judged: Judged, looks: Mapping[int, Look]) -> float:
        """Return likeness and oddness, the age left out; `looks` by number of the view."""
        if not looks:
            return REFUSED
        worn = list(looks.values())
        cost = self._likeness(judged, worn) + self._near(judged, worn)
        return cost + self._of_gender(judged, worn) + REFUSED * self._is_faint(judged, worn)

    def of_age(self, trail: AgeTrail, asked_years: float) -> float:
        """Return what it costs to read older or younger than wanted."""
        settings = self._settings
        cost = settings.age_weight * trail.misses_years(asked_years) ** 2
        return cost + settings.group_weight * trail.leaves_group(asked_years)

    def is_of_gender(self, gender: Gender, looks: Mapping[int, Look]) -> bool:
        """Return whether a face reads as of a gender."""
        return bool(looks) and _probability(gender, list(looks.values())) > 0.5 + _EVEN

    def _likeness(self, judged: Judged, looks: Sequence[Look]) -> float:
        """Return how much of the person the judges see: half their mean, half the worst."""
        seen = [
            float(
                np.mean(
                    [
                        max(look.embeddings[j] @ b.embeddings[j] for b in judged.bare)
                        for look in looks
                    ]
                )
            )
            / threshold
            for j, threshold in enumerate(self._thresholds)
        ]
        return float(np.mean(seen) + np.max(seen)) / 2

    def _near(self, judged: Judged, looks: Sequence[Look]) -> float:
        """Return what it costs to read like somebody else with a synthetic face."""
        settings = self._settings
        seen = zip(reading(looks).embeddings, judged.taken, self._thresholds, strict=False)
        near = max((float((t @ m).max()) / threshold for m, t, threshold in seen), default=0)
        return settings.near_weight * max(0.0, near - settings.near)

    def _of_gender(self, judged: Judged, looks: Sequence[Look]) -> float:
        settings = self._settings
        probability = _probability(judged.gender, looks)
        missing = max(0.0, settings.sure_gender - probability)
        wrong = float(np.clip(0.5 + (0.5 - probability) / (2 * _EVEN), 0, 1))
        return settings.gender_weight * missing + settings.wrong_gender_weight * wrong

    def _is_faint(self, judged: Judged, looks: Sequence[Look]) -> bool:
        bare = float(np.mean([look.presence for look in judged.bare]))
        return min(look.presence for look in looks) < self._settings.min_presence * bare


def reading(looks: Sequence[Look]) -> FaceReading:
    """Return how a person reads over some looks; of none, nothing."""
    if not looks:
        return FaceReading(())
    means = [
        np.mean(vectors, axis=0) for vectors in zip(*(x.embeddings for x in looks), strict=True)
    ]
    return FaceReading(
        tuple(np.asarray(m / max(float(np.linalg.norm(m)), 1e-9), np.float32) for m in means)
    )


def _probability(gender: Gender, looks: Sequence[Look]) -> float:
    return float(np.mean([look.probability_of(gender) for look in looks]))
