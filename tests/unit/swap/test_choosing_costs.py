"""A face costs the more, the more of the person, of others, and of the wrong kind it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.swap.choosing_ages import AgeReading, AgeTrail
from fsp_ray.swap.choosing_costs import REFUSED, Common, Costs, Judged
from fsp_ray.swap.choosing_forecast import Foretold
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.choosing_trials import Look

D = 4


class Judge:
    dimensions = D
    same_person_distance = 0.5

    def match_distance(self, far: float) -> float:
        return 0.6

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        raise AssertionError("costs are of what was read already")


def unit(*values: float) -> F32:
    vector = np.array(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


PERSON, OTHER, TYPICAL, PLAIN = (unit(*row) for row in np.eye(D))
ORIGIN = np.zeros((D, 3), np.float32)


def look(embedding: F32, *, female: float = 1.0, presence: float = 1.0) -> Look:
    return Look((embedding,), 40.0, female, presence)


def judged(
    *, taken: F32 | None = None, common: Common | None = None, gender: Gender = "female"
) -> Judged:
    return Judged(gender, [look(PERSON)], [] if taken is None else [taken], common)


def cost(whom: Judged, embedding: F32, **kinds: float) -> float:
    # All that can cost something does here.
    costs = Costs([Judge()], ChooserSettings(origin_weight=0.05))
    return costs.of_looks(whom, {0: look(embedding, **kinds)})


def foretold(*embeddings: F32, female: float = 1.0, older: float = 0.0) -> Foretold:
    n = len(embeddings)
    return Foretold(
        np.stack(embeddings), np.full(n, female, np.float32), np.full(n, older, np.float32)
    )


def test_likeness_to_the_person_costs() -> None:
    assert cost(judged(), PERSON) > cost(judged(), unit(1, 0, 0, 1)) > cost(judged(), PLAIN)


def test_the_last_step_to_being_recognised_costs_most() -> None:
    """The threshold is at a cosine of .4."""
    at = [cost(judged(), unit(c, 0, 0, (1 - c * c) ** 0.5)) for c in (0.0, 0.2, 0.4)]
    assert at[2] - at[1] > 1.5 * (at[1] - at[0]) > 0


def test_likeness_to_taken_faces_costs_and_that_to_many_more() -> None:
    one = np.stack([OTHER, *[PLAIN] * 7])
    many = np.stack([OTHER] * 8)
    middling = unit(0, 1, 1, 0)
    assert cost(judged(taken=one), middling) > cost(judged(), middling)
    assert cost(judged(taken=many), middling) > cost(judged(taken=one), middling)
    assert cost(judged(taken=one), TYPICAL) == pytest.approx(cost(judged(), TYPICAL))


def test_being_typical_costs() -> None:
    common = Common(TYPICAL, ORIGIN)
    assert cost(judged(common=common), TYPICAL) > cost(judged(common=common), PLAIN) + 0.5


def test_another_apparent_origin_costs() -> None:
    origin = ORIGIN.copy()
    origin[3, 0] = 3.0
    common = Common(TYPICAL, origin)
    assert cost(judged(common=common), PLAIN) > cost(judged(common=common), OTHER) + 0.05


def test_the_wrong_gender_costs_and_an_undecided_one_some() -> None:
    costs = [cost(judged(), PLAIN, female=p) for p in (0.9, 0.6, 0.5, 0.4)]
    assert costs == sorted(costs)
    assert costs[3] > costs[0] + 0.7
    assert cost(judged(gender="male"), PLAIN, female=0.4) < costs[3]


def test_what_can_not_be_drawn_or_is_hardly_a_face_is_refused() -> None:
    assert Costs([Judge()], ChooserSettings()).of_looks(judged(), {}) == REFUSED
    assert cost(judged(), PLAIN, presence=0.3) >= REFUSED


def test_forecasts_are_ranked_as_looks_would_be() -> None:
    costs = Costs([Judge()], ChooserSettings(origin_weight=0.05))
    origin = ORIGIN.copy()
    origin[3, 0] = 3.0
    whom = judged(taken=np.stack([OTHER] * 3), common=Common(TYPICAL, origin))
    faces = [PERSON, OTHER, TYPICAL, PLAIN, unit(-1, -1, -1, 0.2)]
    ranked = np.argsort(costs.of_forecasts(whom, foretold(*faces), 40.0))
    assert ranked.tolist() == np.argsort([cost(whom, face) for face in faces]).tolist()


def test_a_wrong_gender_or_age_foretold_costs() -> None:
    costs = Costs([Judge()], ChooserSettings())
    plain, manly, old = (
        float(costs.of_forecasts(judged(), foretold(PLAIN, **kinds), 40.0)[0])
        for kinds in ({}, {"female": 0.3}, {"older": 20.0})
    )
    assert manly > plain + 0.5
    assert old > plain + 0.5


def test_what_reads_right_but_had_to_be_made_much_older_costs() -> None:
    costs = Costs([Judge()], ChooserSettings())
    asked = (40.0, 46.0, 55.0)
    plain, some, much = (
        costs.of_age(AgeTrail(40).with_reading(AgeReading(years, 0, 0.0)), years) for years in asked
    )
    assert plain == some == 0
    assert much > 0.05
    easy, hard = costs.of_forecasts(judged(), _of_ages(-3.0, -9.0), 40.0)
    assert hard > easy + 0.05


def _of_ages(*older: float) -> Foretold:
    return foretold(*[PLAIN] * len(older))._replace(older_years=np.array(older, np.float32))


def test_another_age_group_costs_more_than_the_years() -> None:
    settings = ChooserSettings()
    costs = Costs([Judge()], settings)
    inside = AgeTrail(34).with_reading(AgeReading(34, 0, -3.0))
    outside = AgeTrail(34).with_reading(AgeReading(34, 0, 1.0))
    assert costs.of_age(outside, 34) > settings.group_weight
    assert costs.of_age(inside, 34) < costs.of_age(outside, 34)
    free = Costs([Judge()], replace(settings, group_weight=0.0))
    assert free.of_age(outside, 34) < settings.group_weight
