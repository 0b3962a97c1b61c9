"""Choosing, once a person, the synthetic face under which recognisers know the person least.

A face chosen against one network mostly fools that one. What carries over to others is a mean of
several judges together with how far features move and how little the marks of the skin agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender, age_group
from fsp_ray.core.face_types import F32, Choice, FaceReading, HeadView, SourceFace, SyntheticFace
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
        finalists: of them, made to read the right age, and put on more views.
        views: looks at the head that finalists are put on; the first ones are used.
        shape_weight: per face width that features move (less likeness), up to `enough_shape`:
            what moves farther looks odd rather than different.
        texture_weight: per unit of correlation of the marks.
        age_weight: per square of the years that the face reads older or younger than the source,
            for the estimator itself errs by one or two.
        group_weight: for reading as of another age group.
        gender_weight: per unit of probability under `sure_gender`.
        strain_weight: per standard deviation that the shape would leave the natural.
        near_weight: per unit of likeness to a taken face beyond `near`.
        near: likeness that other people have by chance.
        sure_gender: probability of the right gender that is good enough.
        max_strain: beyond it a face looks squeezed: refused.
        min_presence: share of the landmarker's confidence that must be left, else refused.
    """

    candidates: int = 8
    tried: int = 4
    finalists: int = 2
    views: int = 2
    shape_weight: float = 4.0
    enough_shape: float = 0.028
    texture_weight: float = 0.3
    age_weight: float = 0.012
    group_weight: float = 0.15
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
        if self.views < 1:
            raise ValueError("at least one view is needed")
        if not 0 <= self.min_presence <= 1:
            raise ValueError("min_presence must lie in 0..1")


_DEFAULT: Final = ChooserSettings()
# What a refused face costs: it is put on only where every other is refused, too.
_REFUSED: Final = 10.0
# An estimator's bias is undone by at most so many years: beyond, textures turn to masks.
_MAX_CORRECTION_YEARS: Final = 30.0
_CLOSE_YEARS: Final = 1.5
# Years that a face reads older for one year that it is meant to be: measured, before and bounds.
_USUAL_SLOPE: Final = 0.6
_SLOPES: Final = (0.3, 2.5)
# What can be corrected: beyond it, it counts in the choice of finalists.
_CORRECTABLE_YEARS: Final = 10.0
_FAR: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A face, the seed it came from, and what is known of it before it is put on.

    Attributes:
        asked_years: the age that it was made at.
        slope: years that it reads older for one that it is made older.
    """

    seed: int
    face: SyntheticFace
    cost: float
    asked_years: float
    slope: float = _USUAL_SLOPE


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    """Whom a face is chosen for.

    Attributes:
        bare: what is read from the views without a synthetic face.
        taken: f32[K, D] a judge, how the faces read that others have; none where nobody has one.
    """

    person_id: str
    age_years: float
    gender: Gender
    source: SourceFace
    views: Sequence[HeadView]
    bare: Sequence[Look]
    taken: Sequence[F32]


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A candidate on the first so many views.

    Attributes:
        looks: one a view; None where it can't be drawn.
        cost: likeness and oddness, the age left out.
        older_years: how much older than the source the face reads.
        another_group: whether it reads as of another age group.
    """

    candidate: _Candidate
    looks: Sequence[Look | None]
    cost: float
    older_years: float
    another_group: bool


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
        try_on = TryOn(swapper, models.judges, models.attributes, models.landmarker)
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
        person = self._met(person_id, age_years, gender, source, views, taken)
        candidates = self._drawn(person, rng, self._settings.candidates * (1 + attempt))
        if not person.views:
            return Choice(candidates[0].face, FaceReading(()))
        tried = candidates[: self._settings.tried * (1 + attempt)]
        trials = sorted((self._trial(person, c, 1) for c in tried), key=self._hope)
        finals = [self._aged(person, trial) for trial in trials[: self._settings.finalists]]
        finals = [self._trial(person, t.candidate, self._settings.views, t) for t in finals]
        best = self._aged(person, min(finals, key=self._total))
        if len(best.looks) == 1:  # half the cost of two looks, and nothing to average: once more
            best = self._aged(person, best)
        # The face goes under the age it reads as, not the one asked for to undo a bias.
        face = replace(best.candidate.face, age_years=float(age_years))
        return Choice(face, _reading(best.looks))

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        """Return how a person reads with a face on."""
        tried = views[: self._settings.views]
        return _reading([self._try_on.wearing(face, source, view) for view in tried])

    def _met(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        taken: Sequence[FaceReading],
    ) -> _Person:
        """Read the real face on the views that faces are tried on."""
        bare = [self._try_on.bare(view) for view in views[: self._settings.views]]
        read = [reading.embeddings for reading in taken if reading.embeddings]
        stacked = [np.stack(vectors) for vectors in zip(*read, strict=True)]
        return _Person(person_id, age_years, gender, source, views, bare, stacked)

    def _drawn(self, person: _Person, rng: np.random.Generator, count: int) -> list[_Candidate]:
        """Draw faces, the most promising first."""
        likeness = TextureLikeness(person.source)
        seeds = [int(seed) for seed in rng.integers(0, 1 << 62, count)]
        drawn: list[_Candidate] = []
        for seed in seeds:
            face = self._face(person, seed, person.age_years)
            cost = self._settings.texture_weight * likeness.of(face)
            cost += self._shape_cost(face, person.source)
            drawn.append(_Candidate(seed, face, cost, person.age_years))
        return sorted(drawn, key=lambda candidate: candidate.cost)

    def _face(self, person: _Person, seed: int, age_years: float) -> SyntheticFace:
        """Return the face of a seed; the same at every age, but for its age."""
        return self._generator.generate(
            person.person_id,
            age_years,
            person.gender,
            person.source,
            np.random.default_rng(seed),
        )

    def _shape_cost(self, face: SyntheticFace, source: SourceFace) -> float:
        settings = self._settings
        bent = strain(face, source, self._swap)
        cost = settings.strain_weight * bent + _REFUSED * (bent > settings.max_strain)
        moved = min(shape_gap(face, source, self._swap), settings.enough_shape)
        return cost - settings.shape_weight * moved

    def _aged(self, person: _Person, trial: _Trial) -> _Trial:
        """Undo what the face reads too old or too young, if that makes a better one."""
        if abs(trial.older_years) <= _CLOSE_YEARS:
            return trial
        old = trial.candidate
        asked = old.asked_years - trial.older_years / old.slope
        limit = _MAX_CORRECTION_YEARS
        asked = float(np.clip(asked, person.age_years - limit, person.age_years + limit))
        asked = float(np.clip(asked, 0, MAX_AGE_YEARS))
        if abs(asked - old.asked_years) < _CLOSE_YEARS:
            return trial
        face = self._face(person, old.seed, asked)
        new = self._trial(person, replace(old, face=face, asked_years=asked), len(trial.looks))
        slope = (new.older_years - trial.older_years) / (asked - old.asked_years)
        slope = float(np.clip(slope, *_SLOPES))
        better = min(trial, new, key=self._total)
        return replace(better, candidate=replace(better.candidate, slope=slope))

    def _trial(
        self, person: _Person, candidate: _Candidate, count: int, first: _Trial | None = None
    ) -> _Trial:
        """Try a candidate on the first `count` views; `first` holds looks at some already."""
        looks = list(first.looks) if first else []
        looks += [
            self._try_on.wearing(candidate.face, person.source, view)
            for view in person.views[len(looks) : count]
        ]
        seen = [(look, bare) for look, bare in zip(looks, person.bare, strict=False) if look]
        if not seen:
            return _Trial(candidate, looks, candidate.cost + _REFUSED, 0.0, False)
        worn = [look for look, _ in seen]
        cost = candidate.cost + self._likeness(person, worn) + self._near(person, worn)
        now, before = (_age(read) for read in zip(*seen, strict=True))
        moved = age_group(now) != age_group(before)
        return _Trial(candidate, looks, cost + self._oddness(person, worn), now - before, moved)

    def _total(self, trial: _Trial) -> float:
        settings = self._settings
        cost = trial.cost + settings.age_weight * trial.older_years**2
        return cost + settings.group_weight * trial.another_group

    def _hope(self, trial: _Trial) -> float:
        """Return the cost, less what can still be corrected."""
        beyond = max(0.0, abs(trial.older_years) - _CORRECTABLE_YEARS)
        return trial.cost + self._settings.age_weight * beyond**2

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
        """Return what it costs to read like somebody else with a synthetic face."""
        judged = zip(_reading(looks).embeddings, person.taken, self._try_on.judges, strict=False)
        near = max((float((t @ m).max()) / _threshold(judge) for m, t, judge in judged), default=0)
        return self._settings.near_weight * max(0.0, near - self._settings.near)

    def _oddness(self, person: _Person, looks: Sequence[Look]) -> float:
        """Return what the wrong gender costs, and a face that is hardly one."""
        settings = self._settings
        gender = float(np.mean([look.probability_of(person.gender) for look in looks]))
        bare = float(np.mean([look.presence for look in person.bare]))
        faint = min(look.presence for look in looks) < settings.min_presence * bare
        missing = max(0.0, settings.sure_gender - gender)
        return settings.gender_weight * missing + _REFUSED * faint


def _threshold(judge: FaceEmbedder) -> float:
    """Return the cosine that one pair of strangers in a hundred reaches."""
    return 1 - judge.match_distance(_FAR)


def _age(looks: Sequence[Look]) -> float:
    return float(np.clip(np.mean([look.age_years for look in looks]), 0, MAX_AGE_YEARS))


def _reading(looks: Sequence[Look | None]) -> FaceReading:
    worn = [look.embeddings for look in looks if look is not None]
    if not worn:
        return FaceReading(())
    means = [np.mean(vectors, axis=0) for vectors in zip(*worn, strict=True)]
    return FaceReading(
        tuple(np.asarray(m / max(float(np.linalg.norm(m)), 1e-9), np.float32) for m in means)
    )
