"""The room put together, on pictures of faces that nobody has, judged by an age estimator."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fsp_ray.core.ages import GENDERS
from fsp_ray.core.face_types import Landmarks
from fsp_ray.faces.geometry import rois_from_detections, rois_from_landmarks
from fsp_ray.models import load_models
from fsp_ray.swap import MeshSwapper
from fsp_ray.synthesis import BankGenerator, FaceBank, SourceFaceBuilder, build_bank

FACES = Path(__file__).parents[3].parent / "shared" / "data" / "synthetic_faces"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not FACES.is_dir(), reason=f"no pictures in {FACES.name}"),
]


def views(gender: str, count: int):
    """Pictures spread over the folder, with their meshes."""
    models = load_models("open")
    files = sorted(FACES.glob(f"{gender}_*.jpg"))
    for file in files[:: len(files) // count][:count]:
        rgb = np.ascontiguousarray(cv2.imread(str(file))[:, :, ::-1])
        found = models.detector.detect(rgb[None])
        first = models.landmarker.landmarks(
            rgb, rois_from_detections(found.xyxy[:1], found.kps[:1])
        )
        mesh = models.landmarker.landmarks(rgb, rois_from_landmarks(first.points))
        yield rgb, mesh.points[0]


@pytest.mark.parametrize("gender", GENDERS)
def test_an_estimator_sees_the_age_move_and_the_gender_stay(gender):
    attributes = load_models("open").attributes
    generator, swapper = BankGenerator(FaceBank.default()), MeshSwapper()
    ages = (10.0, 30.0, 50.0, 75.0)
    read, female = [], []
    for number, (rgb, points) in enumerate(views(gender, 7)):
        builder = SourceFaceBuilder()
        builder.add(rgb, points, 1.0)
        source = builder.build()
        assert source is not None
        row = []
        for age in ages:
            face = generator.generate("p", age, gender, source, np.random.default_rng(number))
            out = rgb.copy()
            swapper.session(face, source).apply(out, points)
            judged = attributes.estimate(out, Landmarks(points[None], np.ones(1, np.float32)))
            row.append(float(judged.age_years[0]))
            if age >= 30:
                female.append(bool(judged.female_probability[0] > 0.5))
        read.append(row)
    child, adult, middle, old = np.mean(read, axis=0)
    assert child < adult < middle < old
    assert old - adult > 10
    assert np.mean(np.array(female) == (gender == "female")) >= 0.8


def test_a_bank_is_built_from_a_few_pictures(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for gender in GENDERS:
        files = sorted(FACES.glob(f"{gender}_*.jpg"))
        for file in files[:: len(files) // 45][:45]:
            (folder / file.name).write_bytes(file.read_bytes())
    models = load_models("open")
    report = build_bank(
        folder,
        tmp_path / "bank.npz",
        detector=models.detector,
        landmarker=models.landmarker,
        attributes=models.attributes,
    )
    bank = FaceBank.load(tmp_path / "bank.npz")
    assert report.num_pictures == 90
    assert len(bank) == report.num_female + report.num_male >= 20
    # No index says whose faces these are, and the estimator errs now and then.
    assert abs(report.num_female - report.num_male) < 20
    assert 18 < np.median(bank.age_years) < 45
