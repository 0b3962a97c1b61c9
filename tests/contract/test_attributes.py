from __future__ import annotations

import cv2
import numpy as np

from fsp_ray.core.face_types import Landmarks


def test_no_face_gives_no_attributes(models, group, no_meshes):
    assert len(models.attributes.estimate(group, no_meshes)) == 0


def test_the_adults_of_a_photo_are_adults_of_their_gender(models, group, meshes):
    found = models.attributes.estimate(group, meshes)
    left_to_right = np.argsort(meshes.points[:, 1, 0])
    female = found.female_probability[left_to_right] > 0.5
    assert female.tolist() == [True, True, False, False, False, True]
    assert ((found.age_years > 18) & (found.age_years < 50)).all()


def test_batches_do_not_matter(models, group, meshes):
    many = Landmarks(np.tile(meshes.points, (4, 1, 1)), np.tile(meshes.presence, 4))
    one, all_of_them = (models.attributes.estimate(group, faces) for faces in (meshes, many))
    np.testing.assert_allclose(all_of_them.age_years, np.tile(one.age_years, 4), atol=0.01)
    np.testing.assert_allclose(
        all_of_them.female_probability, np.tile(one.female_probability, 4), atol=1e-4
    )


def test_grey_tiny_and_far_off_faces_give_ages_and_probabilities(models, group, meshes):
    grey = np.repeat(cv2.cvtColor(group, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    tiny = Landmarks(meshes.points * np.float32(0.01), meshes.presence)
    away = Landmarks(meshes.points + np.float32(9000), meshes.presence)
    for frame, faces in ((grey, meshes), (group, tiny), (group, away)):
        found = models.attributes.estimate(frame, faces)
        assert ((found.age_years >= 0) & (found.age_years <= 120)).all()
        assert ((found.female_probability >= 0) & (found.female_probability <= 1)).all()
