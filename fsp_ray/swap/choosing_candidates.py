"""Which of many faces are worth a try: what is known of them before they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import HeadView, SourceFace, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.choosing_ages import first_asked_years, usual_slope, usually_older_years
from fsp_ray.swap.choosing_costs import REFUSED, Costs, Judged
from fsp_ray.swap.choosing_cues import ShapeCues, shape_cues
from fsp_ray.swap.choosing_forecast import Forecast, Foretold, Sketcher
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.settings import SwapSettings


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Whom a face is chosen for."""

    person_id: str
    age_years: float
    gender: Gender
    source: SourceFace
    views: Sequence[HeadView]
    judged: Judged


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face that may be made, and what is known of it before it is put on.

    Attributes:
        seed: that it comes from.
        cost: of its shape.
        forecast: what it is to cost by what will be read of it; until that is read.
        older_years: how much older than the person it should read, if made as old.
    """

    seed: int
    cost: float
    forecast: float
    older_years: float

    def expected_years(self, age_years: float, asked_years: float) -> float:
        """Return how much older than a person of an age it should read, made at another."""
        return self.older_years + usual_slope(age_years) * (asked_years - age_years)

    def asked_years(self, age_years: float, head_years: float) -> float:
        """Return the age to make it at first.

        Args:
            age_years: the person's.
            head_years: by how much faces read older on this head than they should.
        """
        older = np.array([self.older_years + head_years], np.float64)
        return float(first_asked_years(age_years, older)[0])


class Draw:
    """Draws faces for a person and tells which promise most."""

    def __init__(
        self,
        costs: Costs,
        *,
        swap: SwapSettings,
        settings: ChooserSettings,
        forecast: Forecast | None,
        sketcher: Sketcher | None,
        make: Callable[[Person, int, float], SyntheticFace],
    ) -> None:
        """Take what is needed; `make` returns a person's face of a seed at an age."""
        self._costs = costs
        self._swap = swap
        self._settings = settings
        self._forecast = forecast
        self._sketcher = sketcher
        self._make = make

    def candidates(self, person: Person, rng: np.random.Generator, times: int) -> list[Candidate]:
        """Return so many times the usual number of faces, the most promising first."""
        count = times * self._settings.candidates
        if self._forecast is None or self._sketcher is None or not person.judged.bare:
            drawn = self._blindly(person, rng, count)
        else:
            drawn = self._foretold(person, rng, times, self._forecast, self._sketcher)
        return sorted(drawn, key=lambda candidate: candidate.cost + candidate.forecast)[:count]

    def _blindly(self, person: Person, rng: np.random.Generator, count: int) -> list[Candidate]:
        older = usually_older_years(person.age_years)
        seeds = [int(seed) for seed in rng.integers(0, 1 << 62, count)]
        cues = [self._cues(person, self._make(person, seed, person.age_years)) for seed in seeds]
        costs = [self._of_shape(cue) for cue in cues]
        return [Candidate(seed, cost, 0.0, older) for seed, cost in zip(seeds, costs, strict=True)]

    def _foretold(
        self,
        person: Person,
        rng: np.random.Generator,
        times: int,
        forecast: Forecast,
        sketcher: Sketcher,
    ) -> list[Candidate]:
        """Sketch many, outline those that promise most, and forecast these again."""
        settings, judged = self._settings, person.judged
        who = person.gender, person.age_years
        seeds = [int(seed) for seed in rng.integers(0, 1 << 62, times * settings.sketched)]
        sketches = sketcher.sketch(seeds, person.age_years, person.gender, person.source)
        bare = judged.bare[0].embeddings[0]
        costs = self._of_forecasts(person, forecast.read(sketches, *who, bare))
        best = np.argsort(costs, kind="stable")[: times * settings.outlined]
        seeds, sketches = [seeds[n] for n in best], sketches[best]
        outlines = sketcher.outlines(seeds, person.age_years, person.gender, person.source)
        cues = [self._cues(person, outline) for outline in outlines]
        changes = np.stack([cue.change for cue in cues])
        foretold = forecast.read(sketches, *who, bare, changes)
        costs, older = self._of_forecasts(person, foretold), foretold.older_years
        return [
            Candidate(seed, self._of_shape(cue), float(cost), float(years))
            for seed, cue, cost, years in zip(seeds, cues, costs, older, strict=True)
        ]

    def _of_forecasts(self, person: Person, foretold: Foretold) -> F64:
        return self._costs.of_forecasts(person.judged, foretold, person.age_years)

    def _cues(self, person: Person, face: SyntheticFace) -> ShapeCues:
        return shape_cues(face, person.source, self._swap)

    def _of_shape(self, cues: ShapeCues) -> float:
        settings = self._settings
        cost = settings.strain_weight * cues.strain
        cost += REFUSED * (cues.strain > settings.max_strain)
        return cost - settings.shape_weight * min(cues.gap, settings.enough_shape)
