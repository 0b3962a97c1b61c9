"""Faces are chosen by what judges read; what is taken or looks wrong is kept away from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import (
    F32,
    U8,
    Attributes,
    Choice,
    FaceReading,
    FaceRois,
    HeadView,
    Landmarks,
    SourceFace,
    SyntheticFace,
)
from fsp_ray.swap import choosing_candidates
from fsp_ray.swap.choosing import FaceChooser
from fsp_ray.swap.choosing_ages import first_asked_years, usually_older_years
from fsp_ray.swap.choosing_cues import ShapeCues
from fsp_ray.swap.choosing_forecast import Forecast
from fsp_ray.swap.choosing_settings import ChooserSettings
from fsp_ray.swap.choosing_trials import TryOn
from fsp_ray.swap.layout import DISTANCES
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.synthesis import load_topology
from fsp_ray.synthesis.sketching import SKETCH_SIZE
from tests.fakes.faces import make_source

MEAN = load_topology().mean_shape
POINTS = (MEAN * 100 + [128, 128, 0]).astype(np.float32)
SIDE = 256
LEVELS = 50
"""Faces of the fake world have one of so many numbers, which is all that anybody reads."""


def view(number: int = 0) -> HeadView:
    """A head whose real face is a plain colour."""
    return HeadView(np.full((SIDE, SIDE, 3), number, np.uint8), POINTS, 1.0)


class NumberGenerator:
    """Draws a number, paints it over the whole texture; the age goes along."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, float]] = []

    def generate(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        rng: np.random.Generator,
    ) -> SyntheticFace:
        number = int(rng.integers(1, LEVELS))
        self.drawn.append((number, age_years))
        texture = np.full((256, 256, 3), 128, np.uint8)
        texture[0, 0] = number, round(age_years), 0
        return SyntheticFace(person_id, texture, MEAN.copy(), age_years, gender)


class Stamp:
    """Writes a face's number and age into the picture; refuses some numbers."""

    def __init__(self, undrawable: frozenset[int] = frozenset()) -> None:
        self.undrawable = undrawable

    def session(self, face: SyntheticFace, source: SourceFace) -> Any:
        self.face = face
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        if int(self.face.texture[0, 0, 0]) in self.undrawable:
            raise ValueError("the mesh is folded or turned away")
        rgb[:] = self.face.texture[0, 0]


class World:
    """Judge, estimator and landmarker, who read the stamped numbers."""

    dimensions = 2
    same_person_distance = 0.5

    def __init__(self, best: int = 25, bias_years: float = 0.0, slope: float = 1.0) -> None:
        self.best = best
        self.bias_years = bias_years
        self.slope = slope
        self.faint: frozenset[int] = frozenset()
        self.manly: frozenset[int] = frozenset()
        self.embedded = 0

    def match_distance(self, far: float) -> float:
        return 0.5

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        """The real face, 0, is at angle 0; the number `best` lies farthest from it."""
        self.embedded += 1
        number = int(rgb[0, 0, 0])
        angle = 0.0 if number == 0 else np.pi * 0.6 - abs(number - self.best) / LEVELS
        return np.array([[np.cos(angle), np.sin(angle)]], np.float32)

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        number, age = int(rgb[0, 0, 0]), float(rgb[0, 0, 1])
        read = 40.0 if number == 0 else 40 + self.slope * (age - 40) + self.bias_years
        female = 0.1 if number in self.manly else 0.9
        return Attributes(np.float32([read]), np.float32([female]))

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        presence = 0.2 if int(rgb[0, 0, 0]) in self.faint else 1.0
        return Landmarks(POINTS[None], np.float32([presence]))


ALL = ChooserSettings(outlined=24, candidates=24, tried=24)


def chooser(
    world: World,
    *,
    generator: NumberGenerator | None = None,
    swapper: Stamp | None = None,
    judges: Sequence[Any] = (),
    settings: ChooserSettings = ALL,
) -> FaceChooser:
    try_on = TryOn(swapper or Stamp(), judges or (world,), world, world)
    return FaceChooser(generator or NumberGenerator(), try_on, settings=settings)


def choose(
    chooser: FaceChooser,
    *,
    seed: int = 3,
    views: Sequence[HeadView] = (view(),),
    taken: Sequence[FaceReading] = (),
    attempt: int = 0,
) -> Choice:
    source = replace(make_source(), shape=MEAN.copy())
    rng = np.random.default_rng(seed)
    return chooser.choose("p", 40.0, "female", source, views, rng, taken=taken, attempt=attempt)


def number(choice: Choice) -> int:
    return int(choice.face.texture[0, 0, 0])


def drawn(seed: int = 3) -> set[int]:
    generator = NumberGenerator()
    choose(chooser(World(), generator=generator), seed=seed)
    return {n for n, _ in generator.drawn}


def test_the_face_that_the_judge_sees_least_of_the_person_in_is_chosen() -> None:
    for best in (5, 25, 45):
        expected = min(drawn(), key=lambda n: abs(n - best))
        assert abs(number(choose(chooser(World(best)))) - best) == abs(expected - best)


def test_two_judges_are_listened_to() -> None:
    low, high = World(best=5), World(best=45)
    alone = number(choose(chooser(low)))
    both = number(choose(chooser(low, judges=(low, high))))
    assert alone < 15
    assert 15 <= both <= 35
    assert low.embedded > 0 < high.embedded


def test_the_same_dice_give_the_same_face() -> None:
    first, again, other = (choose(chooser(World()), seed=seed) for seed in (3, 3, 4))
    assert number(first) == number(again)
    np.testing.assert_array_equal(first.reading.embeddings[0], again.reading.embeddings[0])
    assert drawn(3) != drawn(4)
    assert first.face.person_id == other.face.person_id == "p"


def test_a_chosen_face_can_be_made_at_another_age() -> None:
    one, source = chooser(World()), replace(make_source(), shape=MEAN.copy())
    choice = choose(one)
    older = one.at_age(choice.face, source, 71.0)
    assert older is not None
    assert older.age_years == 71.0
    assert older.texture[0, 0, 0] == number(choice)
    assert one.at_age(replace(choice.face, seed=None), source, 71.0) is None
    again = one.at_age(older, source, choice.face.age_years)
    assert again is not None
    np.testing.assert_array_equal(again.texture, choice.face.texture)


def test_a_taken_face_is_kept_away_from() -> None:
    world = World()
    first = choose(chooser(world))
    settings = replace(ALL, near_weight=5.0)
    second = choose(chooser(world, settings=settings), taken=[first.reading])
    mine, theirs = second.reading.embeddings[0], first.reading.embeddings[0]
    assert float(mine @ theirs) < float(theirs @ theirs) - 0.01
    assert number(second) != number(first)


def test_what_hardly_looks_like_a_face_is_refused() -> None:
    world = World()
    best = number(choose(chooser(world)))
    world.faint = frozenset({best})
    assert number(choose(chooser(world))) != best


def test_the_wrong_gender_is_refused() -> None:
    world = World()
    best = number(choose(chooser(world)))
    world.manly = frozenset({best})
    assert number(choose(chooser(world))) != best


def test_a_squeezed_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    best = number(choose(chooser(world)))

    def cues(face: SyntheticFace, source: SourceFace, settings: SwapSettings) -> ShapeCues:
        strain = 9.0 if int(face.texture[0, 0, 0]) == best else 0.0
        return ShapeCues(0.0, strain, np.zeros(len(DISTANCES), np.float32))

    monkeypatch.setattr(choosing_candidates, "shape_cues", cues)
    assert number(choose(chooser(world))) != best


def test_the_estimators_bias_is_undone() -> None:
    generator = NumberGenerator()
    choice = choose(chooser(World(bias_years=-12), generator=generator))
    assert int(choice.face.texture[0, 0, 1]) == pytest.approx(52, abs=2)
    # As it was tried on: its skin is fitted by the age that it is made at.
    assert choice.face.age_years == pytest.approx(52, abs=2)


def test_what_the_first_correction_misses_the_second_hits() -> None:
    """Made younger by what mostly is right, this face overshoots."""
    ages: list[int] = []
    for corrections in (0, 1):
        world = World(bias_years=-12, slope=1.6)
        settings = ChooserSettings(candidates=1, tried=1, finalists=1, corrections=corrections)
        ages.append(int(choose(chooser(world, settings=settings)).face.texture[0, 0, 1]))
    assert abs(ages[0] - 47.5) > 3
    assert abs(ages[1] - 47.5) <= 1


def test_a_further_view_is_seen_at_the_age_corrected_by_the_first() -> None:
    generator = NumberGenerator()
    choice = choose(
        chooser(World(bias_years=-12), generator=generator), views=[view(), view(), view()]
    )
    assert int(choice.face.texture[0, 0, 1]) == pytest.approx(52, abs=2)


def test_more_are_tried_where_all_read_as_the_other_gender() -> None:
    settings = ChooserSettings(outlined=24, candidates=24, tried=2)
    world = World()
    first = number(choose(chooser(world, settings=settings)))
    world.manly = frozenset(drawn() - {max(drawn() - {first})})
    choice = choose(chooser(world, settings=settings))
    assert {number(choice)} == drawn() - world.manly


def test_a_bias_is_not_chased_beyond_bounds() -> None:
    generator = NumberGenerator()
    choose(chooser(World(bias_years=-90), generator=generator))
    assert max(age for _, age in generator.drawn) <= 62
    assert min(age for _, age in generator.drawn) >= 40


def test_what_faces_read_on_a_head_is_learned_from_the_first() -> None:
    """All read younger than usual: the later ones are made older before they are read."""
    generator = NumberGenerator()
    choose(chooser(World(bias_years=-14, slope=0.6), generator=generator))
    usual = float(first_asked_years(40, np.array([usually_older_years(40)]))[0])
    ages = [age for _, age in generator.drawn if age != 40]
    assert ages[0] == pytest.approx(usual)
    assert ages[5] > ages[0] + 1


def test_what_can_be_drawn_is_preferred_and_otherwise_one_is_returned() -> None:
    world = World()
    best = number(choose(chooser(world)))
    assert number(choose(chooser(world, swapper=Stamp(frozenset({best}))))) != best
    nothing = choose(chooser(world, swapper=Stamp(frozenset(range(256)))))
    assert nothing.reading.embeddings == ()
    assert number(nothing) in drawn()


def test_without_views_a_face_is_chosen_unseen() -> None:
    world = World()
    choice = choose(chooser(world), views=())
    assert world.embedded == 0
    assert choice.reading.embeddings == ()
    assert number(choice) in drawn()


def test_rejected_before_means_more_candidates() -> None:
    counts: list[int] = []
    for attempt in (0, 1, 2):
        generator = NumberGenerator()
        settings = ChooserSettings(candidates=6, tried=4)
        choose(chooser(World(), generator=generator, settings=settings), attempt=attempt)
        counts.append(len({n for n, _ in generator.drawn}))
    assert counts[0] < counts[1] < counts[2]


class NumberSketcher(NumberGenerator):
    """Sketches are the number alone."""

    def sketch(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> F32:
        rngs = [np.random.default_rng(seed) for seed in seeds]
        numbers = [int(rng.integers(1, LEVELS)) for rng in rngs]
        sketches = np.zeros((len(seeds), SKETCH_SIZE), np.float32)
        sketches[:, 0] = numbers
        return sketches

    def outlines(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> list[SyntheticFace]:
        blank = np.full((256, 256, 3), 128, np.uint8)
        return [SyntheticFace("", blank, MEAN.copy(), age_years, gender, s) for s in seeds]


def test_only_the_faces_that_promise_most_are_made() -> None:
    """Here the forecast says: the higher the number, the less like the person."""
    from_sketch = np.zeros((SKETCH_SIZE, 4), np.float32)
    from_sketch[0] = [-1 / LEVELS, 0, 0, 0]
    bias = np.float32([0, 0.5, 5, 0])
    forecast = Forecast(
        from_sketch=from_sketch,
        from_change=np.zeros((len(DISTANCES), 4), np.float32),
        usual_change=np.zeros(len(DISTANCES), np.float32),
        from_head=np.zeros((6, 4), np.float32),
        bias=bias,
        typical=np.zeros((2, 3, 2), np.float32),
        origin=np.zeros((2, 3), np.float32),
    )
    settings = ChooserSettings(sketched=64, outlined=8, candidates=4, tried=2)
    world, generator = World(best=LEVELS), NumberSketcher()
    made = FaceChooser(
        generator, TryOn(Stamp(), (world,), world, world), settings=settings, forecast=forecast
    )
    assert number(choose(made)) > 0.7 * LEVELS
    assert min(n for n, _ in generator.drawn) > 0.7 * LEVELS
    assert len({n for n, _ in generator.drawn}) <= 4


def test_a_reading_is_taken_as_it_was_when_chosen() -> None:
    world = World()
    source = replace(make_source(), shape=MEAN.copy())
    views = [view(), view()]
    choice = choose(chooser(world), views=views)
    reading = chooser(world).read(choice.face, source, views)
    np.testing.assert_allclose(reading.embeddings[0], choice.reading.embeddings[0], atol=1e-5)


def test_nothing_drawn_on_a_view_stays_there() -> None:
    looks = [view(), view()]
    choose(chooser(World()), views=looks)
    assert all((look.rgb == 0).all() for look in looks)


@pytest.mark.parametrize(
    "wrong",
    [{"tried": 30}, {"finalists": 0}, {"views": 0}, {"min_presence": 2.0}],
)
def test_settings_check_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|least"):
        ChooserSettings(**wrong)


def test_a_judge_is_needed() -> None:
    with pytest.raises(ValueError, match="judge"):
        TryOn(Stamp(), (), World(), World())


def test_a_packs_judges_are_asked_and_never_its_auditor() -> None:
    world = World()

    class Pack:
        judges = (world,)
        matcher = attributes = landmarker = world

        @property
        def auditor(self) -> None:
            raise AssertionError("the auditor only judges")

    models: Any = Pack()
    choice = choose(FaceChooser.from_models(NumberGenerator(), Stamp(), models))
    assert world.embedded > 0
    assert choice.reading.embeddings
