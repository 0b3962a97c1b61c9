"""The bare age and gender nets: another reader than the one that faces are chosen by."""

from __future__ import annotations

import cv2
import numpy as np

from fsp_ray.core.face_types import Landmarks
from fsp_ray.faces import rois_from_detections
from fsp_ray.models.pack_models import OpenModels, load_models
from tests.fakes.samples import group_photo


def test_the_bare_nets_read_people_of_a_photograph() -> None:
    models = load_models()
    assert isinstance(models, OpenModels)
    rgb = np.ascontiguousarray(cv2.imread(str(group_photo()))[:, :, ::-1])
    faces = models.detector.detect(rgb[None])
    seen = models.landmarker.landmarks(rgb, rois_from_detections(faces.xyxy, faces.kps))
    first, second = (
        models.attributes.estimate(rgb, seen),
        models.second_attributes.estimate(rgb, seen),
    )
    assert len(second.age_years) == len(faces) >= 6
    assert ((second.age_years > 10) & (second.age_years < 80)).all()
    agreed = (first.female_probability >= 0.5) == (second.female_probability >= 0.5)
    assert agreed.mean() > 0.8
    assert not np.array_equal(first.age_years, second.age_years)
    nobody = Landmarks(np.zeros((0, 468, 3), np.float32), np.zeros(0, np.float32))
    assert len(models.second_attributes.estimate(rgb, nobody).age_years) == 0
