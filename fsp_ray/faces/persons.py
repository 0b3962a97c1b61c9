"""What is known of a person, from all of their tracks: age and gender, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender
from fsp_ray.core.face_types import F32, TrackSummary

F64 = npt.NDArray[np.float64]

# How far off the age of a well seen face is (68 % of faces), by the age that was read; measured
# on labelled faces that the `open` pack's head had not seen.
_AGES_YEARS: Final = (0, 3, 7, 12, 17, 22, 35, 45, 55, 120)
_STD_YEARS: Final = (1.2, 1.5, 2.5, 3.2, 4.2, 6.2, 7.0, 9.2, 8.2, 8.4)
# A normal distribution's standard deviation from its median absolute deviation.
_STD_OF_MAD: Final = 1.4826
# One view that is certain must not outvote many: its log-odds count up to these.
_MAX_LOG_ODDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class PersonAttributes:
    """What was read of a person.

    Attributes:
        age_years: weighted median over the frontal views.
        age_std_years: the true age lies within this of `age_years` for about 68 % of people.
        gender: what the views' log-odds say together.
        gender_confidence: the probability that it is right, 0.5 to 1.
    """

    age_years: float
    age_std_years: float
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
    weight, age, female = weight[usable], age[usable], female[usable]
    years = float(np.clip(_weighted_median(age, weight), 0, MAX_AGE_YEARS))
    share = _female_probability(female, weight)
    return PersonAttributes(
        age_years=years,
        age_std_years=_age_std(years, age, weight),
        gender="female" if share >= 0.5 else "male",
        gender_confidence=min(max(share, 1 - share), 1.0),
    )


def age_std_of_a_look(years: float) -> float:
    """Return how far off the age read from one good look is, for 68 % of faces, in years."""
    return float(np.interp(years, _AGES_YEARS, _STD_YEARS))


def _age_std(years: float, ages: F32, weights: F64) -> float:
    """Join what a good look leaves open with what the views disagree about.

    Only the second shrinks with more views: they show one person, and err alike.
    """
    known = age_std_of_a_look(years)
    spread = _STD_OF_MAD * _weighted_median(np.abs(ages - np.float32(years)), weights)
    return float(np.hypot(known, spread / np.sqrt(_effective_number(weights))))


def _female_probability(female: F32, weights: F64) -> float:
    """Return the probability that the weighted mean of the views' log-odds stands for."""
    limit = 1 / (1 + np.exp(-_MAX_LOG_ODDS))
    bounded = np.clip(female.astype(np.float64), 1 - limit, limit)
    odds = float(np.average(np.log(bounded / (1 - bounded)), weights=weights))
    return float(1 / (1 + np.exp(-odds)))


def _effective_number(weights: F64) -> float:
    """Return how many views of one weight would say as much."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _weighted_median(values: F32, weights: F64) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    half = cumulative[-1] / 2
    low = values[order][np.searchsorted(cumulative, half * (1 - 1e-9))]
    high = values[order][np.searchsorted(cumulative, half * (1 + 1e-9))]
    return (float(low) + float(high)) / 2
