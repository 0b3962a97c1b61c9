"""Choosing, once a person, the synthetic face under which recognisers know the person least.

A face chosen against one network mostly fools that one. What carries over to others is a mean of
several judges together with how far features move and how little the marks of the skin agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender
from fsp_ray.core.face_types import Choice, FaceReading, HeadView, SourceFace, SyntheticFace
from fsp_ray.core.protocols import FaceEmbedder, FaceGenerator, FaceSwapper, Models
from fsp_ray.swap.choosing_cues import TextureLikeness, shape_gap
from fsp_ray.swap.choosing_trials import Look, TryOn
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import strain


@dataclass(frozen=True, slots=True)
class ChooserSettings:
    """How much is tried, and what counts how much.

    A judge's likeness is in units of its threshold: 1 where it would take two faces for one
    person. The other weights are likeness per unit.

    Attributes:
        candidates: faces drawn; more where faces were rejected before.
        tried: of them, put on the best view.
        finalists: of them, made to read the right age, and put on every view.
        shape_weight: per face width that features move (less likeness).
        texture_weight: per unit of correlation of the marks.
        age_weight: per year that the face reads older or younger than the source.
        gender_weight: per unit of probability under `sure_gender`.
        strain_weight: per standard deviation that the shape would leave the natural.
        near_weight: per unit of likeness to a taken face beyond `near`.
        near: likeness that other people have by chance.
        sure_gender: probability of the right gender that is good enough.
        max_strain: beyond it a face looks squeezed: refused.
        min_presence: share of the landmarker's confidence that must be left, else refused.
    """

    candidates: int = 12
    tried: int = 6
    finalists: int = 2
    shape_weight: float = 5.0
    texture_weight: float = 0.3
    age_weight: float = 0.02
    gender_weight: float = 2.0
    strain_weight: float = 0.05
    near_weight: float = 0.5
    near: float = 0.5
    sure_gender: float = 0.75
    max_strain: float = 3.0
    min_presence: float = 0.7

    def __post_init__(self) -> None:
        if not 1 <= self.finalists <= self.tried <= self.candidates:
            raise ValueError("finalists <= tried <= candidates, and at least one of each")
        if not 0 <= self.min_presence <= 1:
            raise ValueError("min_presence must lie in 0..1")


_DEFAULT: Final = ChooserSettings()
# What a refused face costs: it is put on only where every other is refused, too.
_REFUSED: Final = 10.0
# An estimator's bias is undone by at most so many years: beyond, textures turn to masks.
_MAX_CORRECTION_YEARS: Final = 25.0
_CLOSE_YEARS: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A face, the seed it came from, and what is known of it before it is drawn."""

    seed: int
    face: SyntheticFace
    cost: float


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    """Whom a face is chosen for."""

    person_id: str
    age_years: float
    gender: Gender
    source: SourceFace
    views: Sequence[HeadView]
    bare: Sequence[Look]
    taken: Sequence[FaceReading]


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A candidate on some views, and what it costs in all."""

    candidate: _Candidate
    looks: Sequence[Look]
    cost: float
    older_years: float


class FaceChooser:
    """Implements `core.protocols.FaceChooser`. The auditor must not be among the judges."""

    def __init__(
        self,
        generator: FaceGenerator,
        try_on: TryOn,
        *,
        swap: SwapSettings | None = None,
        settings: ChooserSettings = _DEFAULT,
    ) -> None:
        self._generator = generator
        self._try_on = try_on
        self._swap = swap or SwapSettings()
        self._settings = settings

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
        try_on = TryOn(swapper, (models.matcher,), models.attributes, models.landmarker)
        return cls(generator, try_on, swap=swap, settings=settings)

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
        bare = [self._try_on.bare(view) for view in views]
        person = _Person(person_id, age_years, gender, source, views, bare, taken)
        candidates = self._drawn(person, rng, self._settings.candidates * (1 + attempt))
        tried = self._settings.tried * (1 + attempt)
        trials = [self._trial(person, c, views[:1]) for c in candidates[:tried]] if views else []
        if not any(trial.looks for trial in trials):
            return Choice(_said(candidates[0].face, person), FaceReading(()))
        trials.sort(key=_cost)
        best = min(
            (self._finished(person, trial) for trial in trials[: self._settings.finalists]),
            key=_cost,
        )
        return Choice(_said(best.candidate.face, person), _reading(best.looks))

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        """Return how a person reads with a face on."""
        looks = (self._try_on.wearing(face, source, view) for view in views)
        return _reading([look for look in looks if look is not None])

    def _drawn(self, person: _Person, rng: np.random.Generator, count: int) -> list[_Candidate]:
        """Draw faces, the most promising first."""
        likeness = TextureLikeness(person.source)
        seeds = [int(seed) for seed in rng.integers(0, 1 << 62, count)]
        drawn: list[_Candidate] = []
        for seed in seeds:
            face = self._face(person, seed, person.age_years)
            cost = self._settings.texture_weight * likeness.of(face)
            drawn.append(_Candidate(seed, face, cost + self._shape_cost(face, person.source)))
        return sorted(drawn, key=lambda candidate: candidate.cost)

    def _face(self, person: _Person, seed: int, age_years: float) -> SyntheticFace:
        """Return the face of a seed; the same at every age, but for its age."""
        age = float(np.clip(age_years, 0, MAX_AGE_YEARS))
        rng = np.random.default_rng(seed)
        return self._generator.generate(person.person_id, age, person.gender, person.source, rng)

    def _shape_cost(self, face: SyntheticFace, source: SourceFace) -> float:
        settings = self._settings
        bent = strain(face, source, self._swap)
        cost = settings.strain_weight * bent + _REFUSED * (bent > settings.max_strain)
        return cost - settings.shape_weight * shape_gap(face, source, self._swap)

    def _finished(self, person: _Person, trial: _Trial) -> _Trial:
        """Undo what the face reads too old or too young, and try it on the other views, too."""
        if abs(trial.older_years) > _CLOSE_YEARS:
            limit = _MAX_CORRECTION_YEARS
            older = float(np.clip(trial.older_years, -limit, limit))
            seed = trial.candidate.seed
            face = self._face(person, seed, person.age_years - older)
            corrected = replace(trial.candidate, face=face)
            trial = min(trial, self._trial(person, corrected, person.views[:1]), key=_cost)
        others = [v for v in person.views[1:] if v is not person.views[0]]
        if not others:
            return trial
        return self._trial(person, trial.candidate, others, trial.looks)

    def _trial(
        self,
        person: _Person,
        candidate: _Candidate,
        views: Sequence[HeadView],
        before: Sequence[Look] = (),
    ) -> _Trial:
        """Try a candidate on; `before` are the looks on the views that came first."""
        looks = list(before)
        for view in views:
            look = self._try_on.wearing(candidate.face, person.source, view)
            if look is not None:
                looks.append(look)
        if not looks:
            return _Trial(candidate, (), candidate.cost + _REFUSED, 0.0)
        older = float(np.mean([w.age_years for w in looks]) - _age(person.bare))
        cost = candidate.cost + self._likeness(person, looks) + self._near(person, looks)
        cost += self._settings.age_weight * abs(older) + self._oddness(person, looks)
        return _Trial(candidate, looks, cost, older)

    def _likeness(self, person: _Person, looks: Sequence[Look]) -> float:
        """Return how much of the person the judges see: half their mean, half the worst."""
        seen = [
            float(
                np.mean(
                    [
                        max(look.embeddings[j] @ b.embeddings[j] for b in person.bare)
                        for look in looks
                    ]
                )
            )
            / _threshold(judge)
            for j, judge in enumerate(self._try_on.judges)
        ]
        return float(np.mean(seen) + np.max(seen)) / 2

    def _near(self, person: _Person, looks: Sequence[Look]) -> float:
        reading = _reading(looks)
        near = 0.0
        for other in person.taken:
            pairs = zip(reading.embeddings, other.embeddings, self._try_on.judges, strict=False)
            for mine, theirs, judge in pairs:
                near = max(near, float(mine @ theirs) / _threshold(judge))
        return self._settings.near_weight * max(0.0, near - self._settings.near)

    def _oddness(self, person: _Person, looks: Sequence[Look]) -> float:
        """Return what the wrong gender costs, and a face that is hardly one."""
        settings = self._settings
        gender = float(np.mean([look.probability_of(person.gender) for look in looks]))
        bare = float(np.mean([look.presence for look in person.bare]))
        faint = min(look.presence for look in looks) < settings.min_presence * bare
        missing = max(0.0, settings.sure_gender - gender)
        return settings.gender_weight * missing + _REFUSED * faint


def _cost(trial: _Trial) -> float:
    return trial.cost


def _threshold(judge: FaceEmbedder) -> float:
    """Return the cosine from which on a judge takes two faces for one person."""
    return 1 - judge.same_person_distance


def _age(looks: Sequence[Look]) -> float:
    return float(np.mean([look.age_years for look in looks]))


def _said(face: SyntheticFace, person: _Person) -> SyntheticFace:
    """Return the face under the age it reads as, not the one that the estimator's bias asked."""
    return replace(face, age_years=person.age_years)


def _reading(looks: Sequence[Look]) -> FaceReading:
    if not looks:
        return FaceReading(())
    means = [
        np.mean(vectors, axis=0) for vectors in zip(*(w.embeddings for w in looks), strict=True)
    ]
    return FaceReading(
        tuple(np.asarray(m / max(float(np.linalg.norm(m)), 1e-9), np.float32) for m in means)
    )
