"""How the faces tried on a person did in rehearsals, and what is to be tried next.

Figures only, but of one person: staging only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from fsp_ray.audit import Findings
from fsp_ray.core.face_types import F32
from fsp_ray.stages.audit_findings import Looks
from fsp_ray.swap.choosing_ages import AgeReading, AgeTrail

MAX_LIKENESS: Final = 0.8
"""Likeness, in the judges' units, beyond which a person is nearly recognised."""

# Nearer than this an age need not be: another one costs another rehearsal.
_CLOSE_YEARS: Final = 2.0
# A face that reads like this in some looks and like that in others reads right by chance.
_UNSTEADY_YEARS: Final = 9.0
# The same face is made at so many ages at most.
_MAX_AGES: Final = 3
# A face that fails is worse than any likeness or age, one that is near worse than most.
_FAILS, _NEAR, _YEARS_SQUARED, _OTHER_GROUP = 10.0, 0.5, 0.012, 0.25


@dataclass(frozen=True, slots=True)
class FaceTrial:
    """How one face of a person did in one rehearsal.

    Attributes:
        rounds: judgements before the rehearsal: what the round's plan is kept under.
        attempt: faces rejected before this one.
        asked_years: the age it was made at.
        older_years: by how much it reads older than the person: the mean of the middle half of
            the looks. Their median may jump by twenty years from one look more or less.
        spread_years: standard deviation of that over the looks.
        likeness: to the person, by the judges: 1 where they would take both for one. The mean of
            the likest half of the looks, for in a long video there are many of those.
        fails: whether the auditor recognises the person, or could not look, or the face leaks.
        near: whether the auditor finds the person resembled.
    """

    rounds: int
    attempt: int
    asked_years: float
    older_years: float
    spread_years: float
    likeness: float
    fails: bool
    near: bool

    @classmethod
    def of(
        cls, findings: Findings, looks: Looks, *, rounds: int, attempt: int, asked_years: float
    ) -> Self:
        """Sum a rehearsal up, for one person."""
        compared = findings.closeness
        read = np.isfinite(looks.older_years)
        older, likeness = looks.older_years[read], looks.likeness[read]
        return cls(
            rounds=rounds,
            attempt=attempt,
            asked_years=asked_years,
            older_years=_of_middle_half(older) if len(older) else 0.0,
            spread_years=float(older.std()) if len(older) else 0.0,
            likeness=_of_likest_half(likeness) if len(older) else 0.0,
            fails=compared is None or compared.matches or findings.leaks_widely,
            near=compared is not None and compared.is_near,
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return what `as_dict` gave."""
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)

    @property
    def rejected(self) -> bool:
        """Whether another face is worth a try."""
        unsteady = self.spread_years > _UNSTEADY_YEARS
        return self.fails or self.near or unsteady or self.likeness > MAX_LIKENESS


def next_age_years(trials: Sequence[FaceTrial], age_years: float) -> float | None:
    """Return the age that the latest face is to be made at next; None if it is to stay.

    Args:
        trials: of one person, in order.
        age_years: the person's.
    """
    trail = _trail(trials, trials[-1].attempt, age_years)
    asked, ages = trials[-1].asked_years, {reading.asked_years for reading in trail.readings}
    if len(ages) >= _MAX_AGES:
        return None
    if abs(trail.misses_years(asked)) <= _CLOSE_YEARS and not trail.leaves_group(asked):
        return None
    years = trail.next_asked_years()
    return years if all(abs(years - other) > 1 for other in ages) else None


def best(trials: Sequence[FaceTrial], age_years: float) -> FaceTrial:
    """Return the trial of the best of the faces; of two, the latest."""

    def cost(trial: FaceTrial) -> float:
        alone = AgeTrail(age_years, (AgeReading(trial.asked_years, 0, trial.older_years),))
        misses = alone.misses_years(trial.asked_years)
        odd = _OTHER_GROUP * alone.leaves_group(trial.asked_years)
        odd += _FAILS * trial.fails + _NEAR * trial.near
        beyond = max(0.0, trial.likeness - MAX_LIKENESS)
        off = misses**2 + (trial.spread_years / 2) ** 2
        return odd + trial.likeness + 2 * beyond + _YEARS_SQUARED * off

    return min(reversed(trials), key=cost)


def _of_middle_half(years: F32) -> float:
    quarter = len(years) // 4
    return float(np.sort(years)[quarter : len(years) - quarter].mean())


def _of_likest_half(likeness: F32) -> float:
    return float(np.sort(likeness)[len(likeness) // 2 :].mean())


def _trail(trials: Sequence[FaceTrial], attempt: int, age_years: float) -> AgeTrail:
    readings = [
        AgeReading(trial.asked_years, 0, trial.older_years)
        for trial in trials
        if trial.attempt == attempt
    ]
    return AgeTrail(age_years, tuple(readings))
