"""What a face on a person's head costs: how much of the person is left, and what looks wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, FaceReading
from fsp_ray.core.protocols import FaceEmbedder
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.choosing_ages import AgeTrail, aim_years, first_asked_years, usual_slope
from fsp_ray.swap.choosing_forecast import Foretold
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.choosing_trials import Look

REFUSED: Final = 10.0
"""What a refused face costs: it is put on only where every other is refused, too."""

_FAR: Final = 0.01
# So many of the taken faces count. Away from one alone, most ways lead to the next.
_NEAREST: Final = 8
# An age may be corrected by so many years before it shows.
_UNSEEN_YEARS: Final = 8.0
# Nearer to even than this, the next look may read as the other gender.
_EVEN: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What is known of a judge's embeddings.

    Attributes:
        typical: f32[D], the mean of synthetic faces of the person's gender and age.
        origin: f32[D, 3], see `choosing_forecast.Forecast`.
    """

    typical: F32
    origin: F32


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Whom a face is judged for.

    Attributes:
        gender: as the face is to read.
        bare: what is read from the views without a synthetic face.
        taken: f32[K, D] a judge, how the faces read that others have; none where nobody has one.
        common: what is known of the first judge's embeddings; None for nothing.
    """

    gender: Gender
    bare: Sequence[Look]
    taken: Sequence[F32]
    common: Common | None = None


def likeness_unit(judge: FaceEmbedder) -> float:
    """Return the cosine from which a judge takes two faces for one person: likeness 1."""
    return 1 - judge.match_distance(_FAR)


class Costs:
    """Weighs what the judges see; the auditor must not be among them."""

    def __init__(self, judges: Sequence[FaceEmbedder], settings: ChooserSettings) -> None:
        self._thresholds = [likeness_unit(judge) for judge in judges]
        self._settings = settings

    def of_looks(self, judged: Judged, looks: Mapping[int, Look]) -> float:
        """Return likeness and oddness, the age left out; `looks` by number of the view."""
        if not looks:
            return REFUSED
        worn = list(looks.values())
        cost = self._likeness(judged, worn) + self._near(judged, worn)
        cost += float(self._of_common(judged, reading(worn).embeddings[0][None])[0])
        probability = np.array(_probability(judged.gender, worn))
        cost += float(self._of_gender(probability))
        return cost + REFUSED * self._is_faint(judged, worn)

    def of_forecasts(self, judged: Judged, foretold: Foretold, age_years: float) -> F64:
        """Return the same, f64[N], for faces that are not made yet, as the first judge sees them.

        So does what of their age can't be corrected. `judged` has at least one bare look.
        """
        settings, threshold = self._settings, self._thresholds[0]
        embeddings = foretold.embeddings.astype(np.float64)
        likeness = embeddings @ judged.bare[0].embeddings[0] / threshold
        cost = likeness + settings.known_weight * np.maximum(0, likeness - settings.known)
        if judged.taken:
            cost += self._of_nearness(embeddings @ judged.taken[0].T / threshold)
        cost += self._of_common(judged, foretold.embeddings)
        female = foretold.female_probability.astype(np.float64)
        cost += self._of_gender(female if judged.gender == "female" else 1 - female)
        older = foretold.older_years.astype(np.float64)
        asked = first_asked_years(age_years, older)
        misses = older + usual_slope(age_years) * (asked - age_years)
        misses -= aim_years(age_years) - age_years
        cost += settings.age_weight * misses**2 + self._of_asked(asked - age_years)
        return np.asarray(cost, np.float64)

    def of_age(self, trail: AgeTrail, asked_years: float) -> float:
        """Return what it costs to read older or younger than wanted, or to be made so."""
        settings = self._settings
        cost = settings.age_weight * trail.misses_years(asked_years) ** 2
        cost += settings.group_weight * trail.leaves_group(asked_years)
        return cost + float(self._of_asked(np.array(asked_years - trail.age_years)))

    def is_of_gender(self, gender: Gender, looks: Mapping[int, Look]) -> bool:
        """Return whether a face reads as of a gender."""
        return bool(looks) and _probability(gender, list(looks.values())) > 0.5 + _EVEN

    def _likeness(self, judged: Judged, looks: Sequence[Look]) -> float:
        """Return how much of the person the judges see: half their mean, half the worst.

        What nears recognition costs more than what is far from it.
        """
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
        likeness = float(np.mean(seen) + np.max(seen)) / 2
        return likeness + self._settings.known_weight * max(0.0, likeness - self._settings.known)

    def _near(self, judged: Judged, looks: Sequence[Look]) -> float:
        """Return what it costs to read like others with a synthetic face, for the worst judge."""
        seen = zip(reading(looks).embeddings, judged.taken, self._thresholds, strict=False)
        costs = [
            float(self._of_nearness((t @ m)[None].astype(np.float64) / threshold)[0])
            for m, t, threshold in seen
        ]
        return max(costs, default=0.0)

    def _of_nearness(self, likeness: F64) -> F64:
        """Return what likeness to K taken faces costs, f64[N, K] to f64[N]: that to the nearest."""
        settings, count = self._settings, min(_NEAREST, likeness.shape[1])
        nearest = np.partition(likeness, -count, axis=1)[:, -count:]
        return settings.near_weight * np.maximum(0, nearest - settings.near).mean(axis=1)

    def _of_common(self, judged: Judged, embeddings: F32) -> F64:
        """Return what it costs to be typical, or to seem of another origin, f64[N]."""
        common, settings = judged.common, self._settings
        if common is None:
            return np.zeros(len(embeddings))
        typical = embeddings @ common.typical / self._thresholds[0]
        away = (embeddings - judged.bare[0].embeddings[0]) @ common.origin
        beyond = np.maximum(0.0, np.linalg.norm(away, axis=1) - settings.near_origin)
        cost = settings.typical_weight * typical + settings.origin_weight * beyond
        return np.asarray(cost, np.float64)

    def _of_asked(self, further_years: F64) -> F64:
        """Return what it costs to be made older or younger than the person by so many years."""
        beyond = np.maximum(0.0, np.abs(further_years) - _UNSEEN_YEARS)
        return np.asarray(self._settings.asked_weight * beyond**2, np.float64)

    def _of_gender(self, probability: F64) -> F64:
        """Return what it costs to read as of the right gender by some probabilities only."""
        settings = self._settings
        missing = np.maximum(0.0, settings.sure_gender - probability)
        wrong = np.clip(0.5 + (0.5 - probability) / (2 * _EVEN), 0, 1)
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
