"""Choosing with the real models on people of a photograph: what it is for, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, Choice, FaceReading, HeadView, Landmarks, SourceFace
from fsp_ray.core.protocols import Models
from fsp_ray.faces import rois_from_detections, rois_from_landmarks
from fsp_ray.models import load_models
from fsp_ray.stages.head_views import cut_head
from fsp_ray.swap import MeshSwapper
from fsp_ray.swap.choosing import ChooserSettings, FaceChooser
from fsp_ray.synthesis import BankGenerator, FaceBank, SourceFaceBuilder
from tests.fakes.samples import group_photo

NUM_PEOPLE = 3


@dataclass(frozen=True)
class Sitter:
    source: SourceFace
    view: HeadView
    embedding: F32
    age_years: float
    female: bool


@dataclass(frozen=True)
class Studio:
    models: Models
    generator: BankGenerator
    chooser: FaceChooser
    sitters: tuple[Sitter, ...]

    def choose(self, sitter: Sitter, seed: int, taken: tuple[FaceReading, ...] = ()) -> Choice:
        return self.chooser.choose(
            "p",
            sitter.age_years,
            "female" if sitter.female else "male",
            sitter.source,
            [sitter.view],
            np.random.default_rng(seed),
            taken=taken,
        )


@pytest.fixture(scope="module")
def studio() -> Studio:
    models = load_models()
    rgb = np.asarray(cv2.cvtColor(cv2.imread(str(group_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    found = models.detector.detect(rgb[None])
    rois = rois_from_detections(found.xyxy[:NUM_PEOPLE], found.kps[:NUM_PEOPLE])
    seen = models.landmarker.landmarks(rgb, rois)
    read = models.attributes.estimate(rgb, seen)
    sitters: list[Sitter] = []
    for n, points in enumerate(seen.points):
        builder = SourceFaceBuilder()
        builder.add(rgb, points, 1.0)
        source, view = builder.build(), cut_head(rgb, points, 1.0)
        assert source is not None
        assert view is not None
        one = Landmarks(points[None], seen.presence[n : n + 1])
        embedding = models.matcher.embed(rgb, one)[0]
        female = bool(read.female_probability[n] > 0.5)
        sitters.append(Sitter(source, view, embedding, float(read.age_years[n]), female))
    generator = BankGenerator(FaceBank.default())
    chooser = FaceChooser.from_models(generator, MeshSwapper(), models)
    return Studio(models, generator, chooser, tuple(sitters))


def test_what_is_chosen_for_privacy_alone_is_less_the_person_than_what_is_drawn(
    studio: Studio,
) -> None:
    alone = ChooserSettings(
        candidates=6, tried=6, age_weight=0, group_weight=0, strain_weight=0, shape_weight=0
    )
    swapper = MeshSwapper()
    chooser = FaceChooser.from_models(studio.generator, swapper, studio.models, settings=alone)
    chosen: list[float] = []
    drawn: list[float] = []
    for number, sitter in enumerate(studio.sitters):
        choice = replace(studio, chooser=chooser).choose(sitter, number)
        chosen.append(float(choice.reading.embeddings[0] @ sitter.embedding))
        faces = studio.generator.draw(
            "p",
            [sitter.age_years] * 4,
            choice.face.gender,
            sitter.source,
            np.random.default_rng(number),
        )
        readings = [chooser.read(face, sitter.source, [sitter.view]) for face in faces]
        drawn += [float(reading.embeddings[0] @ sitter.embedding) for reading in readings]
    assert np.mean(chosen) < np.mean(drawn) - 0.02


def test_nobody_is_recognised_and_everybody_stays_as_old(studio: Studio) -> None:
    stranger = 1 - studio.models.matcher.match_distance(0.01)
    moved: list[float] = []
    for number, sitter in enumerate(studio.sitters):
        choice = studio.choose(sitter, number)
        assert float(choice.reading.embeddings[0] @ sitter.embedding) < stranger
        moved.append(_age_with(studio, sitter, choice) - sitter.age_years)
    assert np.abs(moved).mean() < 5


def test_a_second_face_for_one_head_keeps_away_from_the_first(studio: Studio) -> None:
    free: list[float] = []
    kept: list[float] = []
    for sitter in studio.sitters[:4]:
        first = studio.choose(sitter, 1).reading
        for choices, taken in ((free, ()), (kept, (first,))):
            second = studio.choose(sitter, 2, taken).reading
            choices.append(float(second.embeddings[0] @ first.embeddings[0]))
    assert np.mean(kept) < np.mean(free) - 0.01


def test_the_same_dice_choose_the_same_face(studio: Studio) -> None:
    first, again = (studio.choose(studio.sitters[1], 5).face for _ in range(2))
    np.testing.assert_array_equal(first.texture, again.texture)
    np.testing.assert_array_equal(first.shape, again.shape)


def _age_with(studio: Studio, sitter: Sitter, choice: Choice) -> float:
    rgb, points = sitter.view.rgb.copy(), sitter.view.points
    MeshSwapper().session(choice.face, sitter.source).apply(rgb, points)
    fitted = studio.models.landmarker.landmarks(rgb, rois_from_landmarks(points[None]))
    return float(studio.models.attributes.estimate(rgb, fitted).age_years[0])
