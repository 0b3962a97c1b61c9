"""Choosing, once a person, the synthetic face under which recognisers know the person least.

A face chosen against one network mostly fools that one. What carries over to others is a mean of
several judges together with how far features move and how little the marks of the skin agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import Choice, FaceReading, HeadView, SourceFace, SyntheticFace
from fsp_ray.core.protocols import FaceGenerator, FaceSwapper, Models
from fsp_ray.swap.choosing_ages import CLOSE_YEARS, AgeReading, AgeTrail
from fsp_ray.swap.choosing_candidates import Candidate, Draw, Person
from fsp_ray.swap.choosing_costs import REFUSED, Common, Costs, Judged, reading
from fsp_ray.swap.choosing_cues import TextureLikeness
from fsp_ray.swap.choosing_forecast import Forecast, Sketcher, load_forecast
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.choosing_trials import Look, TryOn
from fsp_ray.swap.settings import SwapSettings

_DEFAULT: Final = ChooserSettings()
# Ages nearer than this make one face.
_SAME_YEARS: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A candidate made at some age, and how it looks.

    Attributes:
        asked_years: the age that the face was made at.
        looks: by number of the view, where it could be drawn.
        trail: all readings of the candidate's age, those of it at other ages included.
        cost: likeness and oddness, the age left out.
    """

    candidate: Candidate
    face: SyntheticFace
    asked_years: float
    looks: Mapping[int, Look]
    trail: AgeTrail
    cost: float


class FaceChooser:
    """Implements `core.protocols.FaceChooser`. The auditor must not be among the judges."""

    def __init__(
        self,
        generator: FaceGenerator,
        try_on: TryOn,
        *,
        swap: SwapSettings | None = None,
        settings: ChooserSettings = _DEFAULT,
        forecast: Forecast | None = None,
    ) -> None:
        """Take what is needed; the forecast, of the first judge, needs a generator of sketches."""
        self._generator = generator
        self._forecast = forecast
        self._try_on = try_on
        self._settings = settings
        self._costs = Costs(try_on.judges, settings)
        sketcher = generator if isinstance(generator, Sketcher) else None
        self._draw = Draw(
            self._costs,
            swap=swap or SwapSettings(),
            settings=settings,
            forecast=forecast,
            sketcher=sketcher,
            make=self._face,
        )

    @classmethod
    def from_models(
        cls,
        generator: FaceGenerator,
        swapper: FaceSwapper,
        models: Models,
        *,
        swap: SwapSettings | None = None,
        settings: ChooserSettings = _DEFAULT,
    ) -> FaceChooser:
        """Return a chooser with a pack's judges; `swap` are the swapper's settings."""
        try_on = TryOn(swapper, models.judges, models.attributes, models.landmarker)
        forecast = load_forecast()
        if forecast.dimensions != models.judges[0].dimensions:
            forecast = None
        return cls(generator, try_on, swap=swap, settings=settings, forecast=forecast)

    def choose(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        *,
        taken: Sequence[FaceReading] = (),
        attempt: int = 0,
    ) -> Choice:
        """Return the best of some faces drawn; see `core.protocols.FaceChooser`."""
        used = views[: self._settings.views]
        judged = self._judged(age_years, gender, used, taken)
        person = Person(person_id, age_years, gender, source, used, judged)
        candidates = self._draw.candidates(person, rng, 1 + attempt)
        if not views:
            asked = candidates[0].asked_years(age_years, 0.0)
            return Choice(self._face(person, candidates[0].seed, asked), FaceReading(()))
        tried = self._tried(person, candidates, self._settings.tried * (1 + attempt))
        finals = [self._followed_up(person, t) for t in tried[: self._settings.finalists]]
        best = min(finals, key=self._total)
        for _ in range(self._settings.corrections):
            if _is_close(best):
                break
            best = self._followed_up(person, best)
        return Choice(best.face, reading(list(best.looks.values())))

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        """Return how a person reads with a face on."""
        tried = views[: self._settings.views]
        looks = [self._try_on.wearing(face, source, view) for view in tried]
        return reading([look for look in looks if look is not None])

    def at_age(
        self, face: SyntheticFace, source: SourceFace, age_years: float
    ) -> SyntheticFace | None:
        """Return the face that the same seed gives at another age; None for one of no seed."""
        if face.seed is None:
            return None
        return self._made(face.person_id, face.seed, age_years, face.gender, source)

    def _judged(
        self,
        age_years: float,
        gender: Gender,
        views: Sequence[HeadView],
        taken: Sequence[FaceReading],
    ) -> Judged:
        """Read the real face on the views that faces are tried on."""
        read = [other.embeddings for other in taken if other.embeddings]
        stacked = [np.stack(vectors) for vectors in zip(*read, strict=True)]
        common = None
        if self._forecast is not None:
            typical = self._forecast.typical_of(gender, age_years)
            common = Common(typical, self._forecast.origin)
        return Judged(gender, [self._try_on.bare(view) for view in views], stacked, common)

    def _face(self, person: Person, seed: int, age_years: float) -> SyntheticFace:
        return self._made(person.person_id, seed, age_years, person.gender, person.source)

    def _made(
        self, person_id: str, seed: int, age_years: float, gender: Gender, source: SourceFace
    ) -> SyntheticFace:
        """Return the face of a seed; the same at every age, but for its age."""
        dice = np.random.default_rng(seed)
        face = self._generator.generate(person_id, age_years, gender, source, dice)
        return replace(face, seed=seed)

    def _tried(self, person: Person, candidates: Sequence[Candidate], count: int) -> list[_Trial]:
        """Put the first candidates on the best view, and further ones until one is promising.

        Faces read too old or too young on some heads, all of them: each is made at the age that
        suits what was read of those before.

        Returns:
            The trials, the most promising first.
        """
        likeness, surprises = TextureLikeness(person.source), list[float]()
        trials: list[_Trial] = []
        for number, candidate in enumerate(candidates):
            if number >= count and any(self._is_promising(person, t) for t in trials):
                break
            # The mean, drawn to none: one surprise may be the face's as well as the head's.
            head_years = sum(surprises) / (1 + len(surprises))
            asked = candidate.asked_years(person.age_years, head_years)
            face = self._face(person, candidate.seed, asked)
            known = candidate.cost + self._settings.texture_weight * likeness.of(face)
            start = _Trial(
                replace(candidate, cost=known), face, asked, {}, AgeTrail(person.age_years), REFUSED
            )
            trial = self._put_on(person, start, face, asked, 0)
            trials.append(trial)
            expected = candidate.expected_years(person.age_years, asked)
            surprises += [reading.older_years - expected for reading in trial.trail.readings]
        return sorted(trials, key=self._hope)

    def _is_promising(self, person: Person, trial: _Trial) -> bool:
        """Return whether a face reads as of the right gender, and its age can be corrected."""
        right = self._costs.is_of_gender(person.gender, trial.looks)
        misses = trial.trail.misses_years(trial.trail.next_asked_years())
        return right and abs(misses) <= CLOSE_YEARS

    def _followed_up(self, person: Person, trial: _Trial) -> _Trial:
        """Put a candidate on the next view, at the age at which it should read right.

        Once all views are seen, on the best one again. What comes out better is returned.
        """
        asked, face = trial.asked_years, trial.face
        if not _is_close(trial):
            asked = trial.trail.next_asked_years()
        view = next((n for n in range(len(person.views)) if n not in trial.looks), 0)
        if abs(asked - trial.asked_years) < _SAME_YEARS:
            if view in trial.looks:
                return trial
            return self._put_on(person, trial, face, trial.asked_years, view)
        face = self._face(person, trial.candidate.seed, asked)
        new = self._put_on(person, trial, face, asked, view)
        # What was learned of its age holds for the face as it was, too.
        looks = trial.looks if view in trial.looks else new.looks
        cost = trial.cost if view in trial.looks else new.cost
        return min(replace(trial, trail=new.trail, looks=looks, cost=cost), new, key=self._total)

    def _put_on(
        self, person: Person, trial: _Trial, face: SyntheticFace, asked_years: float, view: int
    ) -> _Trial:
        """Return the trial with a further look; without one where it can't be drawn."""
        looks, trail = dict(trial.looks), trial.trail
        look = self._try_on.wearing(face, person.source, person.views[view])
        if look is not None:
            looks[view] = look
            older = look.age_years - person.judged.bare[view].age_years
            trail = trail.with_reading(AgeReading(asked_years, view, older))
        cost = trial.candidate.cost + self._costs.of_looks(person.judged, looks)
        return _Trial(trial.candidate, face, asked_years, looks, trail, cost)

    def _total(self, trial: _Trial) -> float:
        return trial.cost + self._costs.of_age(trial.trail, trial.asked_years)

    def _hope(self, trial: _Trial) -> float:
        """Return the cost, made at the age at which it should read right."""
        return trial.cost + self._costs.of_age(trial.trail, trial.trail.next_asked_years())


def _is_close(trial: _Trial) -> bool:
    """Return whether the face reads as it is to, as nearly as can be read."""
    misses = trial.trail.misses_years(trial.asked_years)
    return abs(misses) <= CLOSE_YEARS and not trial.trail.leaves_group(trial.asked_years)
