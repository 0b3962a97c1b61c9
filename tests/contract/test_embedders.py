from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import Landmarks
from tests.unseen.recogniser import unseen_or_skip


@pytest.fixture(scope="module", params=["matcher", "auditor", "unseen"])
def embedder(request, models):
    return unseen_or_skip() if request.param == "unseen" else getattr(models, request.param)


def moved(meshes, offset, scale=1.0):
    points = (meshes.points * np.float32(scale)).astype(np.float32)
    points[:, :, :2] += np.array(offset, np.float32)
    return Landmarks(points, meshes.presence)


def test_no_face_gives_no_vector(embedder, group, no_meshes):
    assert embedder.embed(group, no_meshes).shape == (0, embedder.dimensions)


def test_vectors_are_unit_and_float32(embedder, group, meshes):
    vectors = embedder.embed(group, meshes)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(meshes), embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_six_people_are_six_people(embedder, group, meshes):
    vectors = embedder.embed(group, meshes)
    distance = 1 - vectors @ vectors.T
    assert distance[np.triu_indices(6, 1)].min() > embedder.same_person_distance


def test_a_smaller_darker_photo_shows_the_same_people(embedder, group, meshes):
    half = cv2.resize(group, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    darker = (half * 0.7).astype(np.uint8)
    before, after = embedder.embed(group, meshes), embedder.embed(darker, moved(meshes, 0, 0.5))
    assert (1 - (before * after).sum(axis=1)).max() < embedder.same_person_distance


def test_mirrored_people_are_still_themselves(embedder, group, meshes):
    mirrored = np.ascontiguousarray(group[:, ::-1])
    points = meshes.points.copy()
    points[:, :, 0] = group.shape[1] - points[:, :, 0]
    # The points that align a face, with those of its other side in their place.
    for left, right in ((33, 263), (133, 362), (61, 291)):
        points[:, [left, right]] = points[:, [right, left]]
    before = embedder.embed(group, meshes)
    after = embedder.embed(mirrored, Landmarks(points, meshes.presence))
    nearest = (1 - before @ after.T).argmin(axis=1)
    assert nearest.tolist() == list(range(len(meshes)))


def test_order_and_batch_do_not_matter(embedder, group, meshes):
    many = Landmarks(np.tile(meshes.points, (4, 1, 1)), np.tile(meshes.presence, 4))
    vectors = embedder.embed(group, many)
    alone = embedder.embed(group, Landmarks(meshes.points[2:3], meshes.presence[2:3]))
    np.testing.assert_allclose(vectors[20], alone[0], atol=1e-4)


def test_faces_off_the_frame_and_tiny_faces_give_finite_vectors(embedder, group, meshes):
    for away in (moved(meshes, (-4000, 0)), moved(meshes, (0, 0), 0.01), moved(meshes, 0, 30)):
        assert np.isfinite(embedder.embed(group, away)).all()


def test_a_mesh_without_extent_is_refused(embedder, group):
    nowhere = Landmarks(np.zeros((1, 468, 3), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="different, finite points"):
        embedder.embed(group, nowhere)


def test_the_matcher_judges_first_and_the_auditor_never(models):
    assert models.judges[0] is models.matcher
    assert models.auditor not in models.judges


def test_fewer_false_accepts_ask_for_nearer_faces(embedder):
    assert 0 < embedder.match_distance(0.001) < embedder.match_distance(0.01) < 1


def test_a_rate_that_was_not_measured_is_refused(embedder):
    with pytest.raises(ValueError, match=r"of 0\.1, only 0\.001, 0\.01"):
        embedder.match_distance(0.1)
