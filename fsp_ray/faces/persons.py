"""What is known of a person, from all of their tracks: age and gender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, TrackSummary

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PersonAttributes:
    """What was read of a person.

    Attributes:
        age_years: weighted median over the frontal views.
        gender: weighted majority.
        gender_confidence: the winner's share, 0.5 to 1.
    """

    age_years: float
    gender: Gender
    gender_confidence: float


def aggregate(summaries: Sequence[TrackSummary]) -> PersonAttributes | None:
    """Return what the views of a person's tracks say together; None where there are no views.

    Side views count only where there is no frontal one: the estimators were not made for them.

    Raises:
        ValueError: no track.
    """
    if not summaries:
        raise ValueError("a person has at least one track")
    weight = np.concatenate([s.view_weight for s in summaries]).astype(np.float64)
    frontal = np.concatenate([s.view_frontal for s in summaries])
    age = np.concatenate([s.view_age_years for s in summaries])
    female = np.concatenate([s.view_female for s in summaries])
    usable = (weight > 0) & np.isfinite(age) & np.isfinite(female)
    if (usable & frontal).any():
        usable &= frontal
    if not usable.any():
        return None  # nothing was read, and a default in a table would pass for a reading
    share = float(np.average(female[usable], weights=weight[usable]))
    return PersonAttributes(
        age_years=float(np.clip(_weighted_median(age[usable], weight[usable]), 0, 120)),
        gender="female" if share >= 0.5 else "male",
        gender_confidence=min(max(share, 1 - share), 1.0),
    )


def _weighted_median(values: F32, weights: F64) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    half = cumulative[-1] / 2
    low = values[order][np.searchsorted(cumulative, half * (1 - 1e-9))]
    high = values[order][np.searchsorted(cumulative, half * (1 + 1e-9))]
    return (float(low) + float(high)) / 2
