"""The conditions: deface's blur to the pixel, the cover, and the pipeline's own steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit.evaluation import Blurred, Covered, Synthetic, Unchanged, labelled_files
from fsp_ray.audit.evaluation.conditions import blur_as_deface
from fsp_ray.audit.evaluation.portraits import Panel, Portrait, load_portrait
from fsp_ray.core.face_types import Choice, FaceReading, Landmarks, SyntheticFace


@pytest.fixture(scope="module")
def portrait(portraits: Path, models) -> Portrait:
    found = load_portrait(labelled_files(portraits)[0], models)
    assert found is not None
    return found


class Swapper:
    """Paints the face, or refuses to."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse

    def session(self, face, source):
        assert face.age_years == pytest.approx(face.age_years)
        return self

    def apply(self, rgb, points) -> None:
        if self.refuse:
            raise ValueError("degenerate")
        x, y = points[:, :2].mean(axis=0).astype(int)
        rgb[y - 20 : y + 20, x - 20 : x + 20] = 0


class Maker:
    """Remembers what was asked for."""

    def make(self, age_years, gender, source, views, rng, taken) -> Choice:
        self.asked = (age_years, gender, source, list(views), rng.integers(1 << 30))
        self.taken = taken
        face = SyntheticFace("p", source.texture, source.shape, age_years, gender)
        return Choice(face, FaceReading((np.ones(1, np.float32),)))


@pytest.mark.parametrize("box", [(30.4, 40.7, 90.2, 120.9), (-20, 5, 60, 95), (70, 80, 140, 170)])
def test_the_blur_is_deface_s(box) -> None:
    theirs = pytest.importorskip("deface.deface")
    rgb = np.random.default_rng(0).integers(0, 256, (150, 120, 3), np.uint8)
    ours, expected = rgb.copy(), rgb.copy()
    blur_as_deface(ours, np.float32(box))
    found = np.array([[*np.float32(box), 0.9]], np.float32)
    theirs.anonymize_frame(found, expected, 1.3, "blur", True, False, None, 20)
    assert np.array_equal(ours, expected)
    assert not np.array_equal(ours, rgb)


def test_a_box_out_of_sight_is_left_alone() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    before = rgb.copy()
    blur_as_deface(rgb, np.float32([200, 200, 240, 240]))
    blur_as_deface(rgb, np.float32([-90, -90, -40, -40]))
    assert np.array_equal(rgb, before)


def test_what_is_done_leaves_the_portrait_as_it_was(portrait: Portrait, models) -> None:
    before = portrait.rgb.copy()
    rng = np.random.default_rng(0)
    assert Unchanged().replace(portrait, rng).rgb is portrait.rgb
    for replacer in (Covered(), Blurred(models), Synthetic(models, Maker(), Swapper())):
        after = replacer.replace(portrait, rng)
        assert not after.covered
        assert not np.array_equal(after.rgb, before)
        assert np.array_equal(portrait.rgb, before)


def test_the_maker_gets_what_the_pipeline_reads(portrait: Portrait, models) -> None:
    maker, taken = Maker(), (FaceReading(()),)
    after = Synthetic(models, maker, Swapper()).replace(portrait, np.random.default_rng(0), taken)
    assert maker.taken is taken
    assert after.reading is not None
    assert after.reading.embeddings[0].tolist() == [1]
    age, gender, source, views, drawn = maker.asked
    read = models.attributes.estimate(portrait.rgb, portrait.landmarks)
    assert age == pytest.approx(float(read.age_years[0]))
    assert (gender == "female") == (read.female_probability[0] >= 0.5)
    assert source.num_views == 1
    assert np.array_equal(views[0].points, portrait.points)
    Synthetic(models, maker, Swapper()).replace(portrait, np.random.default_rng(1))
    assert maker.asked[-1] != drawn


def test_what_can_t_be_drawn_is_covered(portrait: Portrait, models) -> None:
    after = Synthetic(models, Maker(), Swapper(refuse=True)).replace(
        portrait, np.random.default_rng(0)
    )
    assert after.covered
    assert np.array_equal(after.rgb, Covered().replace(portrait, np.random.default_rng(0)).rgb)


def test_a_side_view_is_covered(portrait: Portrait, models) -> None:
    middle = portrait.points.mean(axis=0)
    turn = np.array([[0.2, 0, 0.98], [0, 1, 0], [-0.98, 0, 0.2]])
    points = ((portrait.points - middle) @ turn.T + middle).astype(np.float32)
    aside = Portrait(
        portrait.rgb, Landmarks(points[None], portrait.landmarks.presence), portrait.label
    )
    assert Synthetic(models, Maker(), Swapper()).replace(aside, np.random.default_rng(0)).covered


def test_a_reading_finds_a_face_and_misses_a_covered_one(portrait: Portrait, models) -> None:
    panel = Panel(models, {"matcher": models.matcher})
    seen = panel.read(portrait.rgb, portrait.landmarks, alone=True)
    assert seen.found
    assert seen.found_by_recall
    assert float(seen.embeddings["matcher"] @ panel.embed(portrait)["matcher"]) > 0.95
    assert 0.3 < float(seen.embeddings["matcher"] @ seen.alone["matcher"]) < 0.99
    hidden = panel.read(
        Covered().replace(portrait, np.random.default_rng(0)).rgb, portrait.landmarks
    )
    assert not hidden.found
    assert not hidden.found_by_recall
    assert not hidden.alone


def test_a_mirror_shows_the_same_person(portrait: Portrait, models) -> None:
    mirrored = portrait.mirrored(models)
    assert mirrored is not None
    assert np.array_equal(mirrored.rgb, portrait.rgb[:, ::-1])
    middle = portrait.rgb.shape[1] - portrait.points[:, 0].mean()
    assert mirrored.points[:, 0].mean() == pytest.approx(middle, abs=4)
    panel = Panel(models, {"matcher": models.matcher})
    same = float(panel.embed(portrait)["matcher"] @ panel.embed(mirrored)["matcher"])
    assert same > 0.8
