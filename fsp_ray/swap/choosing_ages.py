"""Which age a face is to be made at, so that it reads as old as the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core.ages import AGE_GROUP_STARTS, MAX_AGE_YEARS, age_group
from fsp_ray.faces.geometry import F64

CLOSE_YEARS: Final = 1.5
"""An estimator reads one face on two pictures this differently: nearer can't be aimed."""

# An estimator's bias is undone by at most so many years: beyond, textures turn to masks.
_MAX_CORRECTION_YEARS: Final = 22.0
# Years that a face reads older for one year that it is meant to be: measured, by the person's
# age; and bounds of what is read.
_KNOT_YEARS: Final = (4.0, 12.0, 18.0, 25.0, 31.0, 40.0, 50.0, 60.0, 70.0, 85.0)
_USUAL_SLOPES: Final = (0.48, 0.68, 0.63, 0.40, 0.42, 0.60, 0.69, 0.59, 0.53, 0.33)
_SLOPES: Final = (0.25, 2.5)
# Readings of one view at ages less apart say more about noise than about the slope.
_APART_YEARS: Final = 2.0
# Made as old as the person, faces read this much older: measured, by the person's age.
_USUALLY_OLDER_YEARS: Final = (1.1, 1.6, 0.8, -3.1, -4.0, -6.9, -3.1, 1.7, 4.5, -1.2)
_STEP_YEARS: Final = 0.25
# What a squared year that is asked for besides counts, of one that is missed.
_FAR_COST: Final = 0.005
# Ages are rounded before they are grouped.
_ROUNDING_YEARS: Final = 0.5
# Where the group is narrow, at most this share of it is kept clear on each side.
_MARGIN_SHARE: Final = 0.3


def aim_years(age_years: float, margin_years: float = CLOSE_YEARS) -> float:
    """Return the age that a face is to read as: the person's, but clear of its group's borders.

    A face that misses by a little then stays in the group.
    """
    starts = [start - _ROUNDING_YEARS for start in AGE_GROUP_STARTS[1:]]
    # Half a year over is rounded to even, and so down, at each of these borders.
    low = max((start for start in starts if start < age_years), default=-np.inf)
    high = min((start for start in starts if start >= age_years), default=np.inf)
    width = high - max(low, 0.0)
    margin = min(margin_years, _MARGIN_SHARE * width)
    return float(np.clip(age_years, low + margin, high - margin))


def usual_slope(age_years: float) -> float:
    """Return years that faces read older for one that they are made older, on average."""
    return float(np.interp(age_years, _KNOT_YEARS, _USUAL_SLOPES))


def usually_older_years(age_years: float) -> float:
    """Return how much older than a person of some age faces read that are made at that age."""
    return float(np.interp(age_years, _KNOT_YEARS, _USUALLY_OLDER_YEARS))


def first_asked_years(age_years: float, older_years: F64) -> F64:
    """Return the ages to make faces at before any is read, f64[N].

    Args:
        age_years: the person's.
        older_years: f64[N], how much older they should read, made as old as the person.
    """
    slope, most = usual_slope(age_years), _MAX_CORRECTION_YEARS
    misses = aim_years(age_years) - age_years - older_years
    further = (slope * misses / (slope**2 + _FAR_COST)).clip(-most, most)
    return np.asarray((age_years + further).clip(0, MAX_AGE_YEARS), np.float64)


@dataclass(frozen=True, slots=True)
class AgeReading:
    """How old a candidate, made at some age, reads on one view.

    Attributes:
        asked_years: the age that it was made at.
        view: number of the view.
        older_years: how much older than the person itself reads on that view.
    """

    asked_years: float
    view: int
    older_years: float


@dataclass(frozen=True, slots=True)
class AgeTrail:
    """All readings of one candidate, in order: from them, what it will read as at other ages.

    Attributes:
        age_years: the person's.
        readings: the latest one last; may be empty.
    """

    age_years: float
    readings: tuple[AgeReading, ...] = ()

    def with_reading(self, reading: AgeReading) -> AgeTrail:
        """Return the trail with one more reading."""
        return AgeTrail(self.age_years, (*self.readings, reading))

    def older_years(self, asked_years: float) -> float:
        """Return how much older than the person the face reads when made at an age.

        The mean over the views that it was seen on: on each what lies between its readings, or
        from the outermost one on what the slope makes of it.
        """
        return float(self._older_years(np.array([asked_years], np.float64))[0])

    def misses_years(self, asked_years: float) -> float:
        """Return by how much the face reads older than it is to."""
        return self.older_years(asked_years) - self._aim_older_years()

    def leaves_group(self, asked_years: float) -> bool:
        """Return whether the face reads as of another age group than the person."""
        read = float(np.clip(self.age_years + self.older_years(asked_years), 0, MAX_AGE_YEARS))
        return age_group(read) != age_group(self.age_years)

    def next_asked_years(self) -> float:
        """Return the age to make the face at next: at which it should miss by least."""
        low, high = self.age_years - _MAX_CORRECTION_YEARS, self.age_years + _MAX_CORRECTION_YEARS
        steps = round((high - low) / _STEP_YEARS)
        asked = np.linspace(low, high, steps + 1, dtype=np.float64).clip(0, MAX_AGE_YEARS)
        misses = (self._older_years(asked) - self._aim_older_years()) ** 2
        misses += _FAR_COST * (asked - self.age_years) ** 2
        return float(asked[int(np.argmin(misses))])

    def slope(self) -> float:
        """Return years that the face reads older for one that it is made older.

        From the latest two readings of one view at different ages, or else the usual one.
        """
        for later in reversed(self.readings):
            for earlier in reversed(self.readings):
                apart = later.asked_years - earlier.asked_years
                if later.view == earlier.view and abs(apart) > _APART_YEARS:
                    rise = (later.older_years - earlier.older_years) / apart
                    return float(np.clip(rise, *_SLOPES))
        return usual_slope(self.age_years)

    def _aim_older_years(self) -> float:
        return aim_years(self.age_years) - self.age_years

    def _older_years(self, asked_years: F64) -> F64:
        views = {reading.view for reading in self.readings}
        total, slope = np.zeros(asked_years.shape), self.slope()
        for view in views:
            read = {r.asked_years: r.older_years for r in self.readings if r.view == view}
            asked = sorted(read)
            nearest = asked_years.clip(asked[0], asked[-1])
            total += np.interp(nearest, asked, [read[years] for years in asked])
            total += slope * (asked_years - nearest)
        return total / max(len(views), 1)
