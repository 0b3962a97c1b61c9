from __future__ import annotations

from collections import Counter
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    NUM_RING,
    NUM_VERTICES,
    OUTER_LIP_UPPER,
    Region,
    load_topology,
    normalise_shape,
    signed_areas,
    with_rings,
)
from fsp_ray.synthesis.topology_build import build_topology

MESH = load_topology()


def edges(triangles):
    return Counter((int(t[i]), int(t[(i + 1) % 3])) for t in triangles for i in range(3))


def test_the_mesh_is_a_disc():
    directed = edges(MESH.triangles)
    assert max(directed.values()) == 1
    rim = [edge for edge in directed if edge[::-1] not in directed]
    outermost = range(NUM_VERTICES - NUM_RING, NUM_VERTICES)
    assert len(rim) == NUM_RING
    assert {a for a, _ in rim} == set(outermost)
    used = np.unique(MESH.triangles)
    undirected = {frozenset(edge) for edge in directed}
    assert len(used) - len(undirected) + len(MESH.triangles) == 1  # Euler


def test_no_triangle_is_flipped_on_the_mean_shape_or_in_uv():
    assert signed_areas(with_rings(MESH.mean_shape), MESH.triangles).min() > 0
    assert signed_areas(MESH.uv, MESH.triangles).min() > 0


def test_triangles_cover_the_oval_without_overlap():
    vertices = with_rings(MESH.mean_shape)
    inner = MESH.of(Region.SKIN, Region.EYE, Region.MOUTH)
    oval = vertices[list(FACE_OVAL), :2]
    area = abs(cv2.contourArea(oval.astype(np.float32)[:, None]))
    assert signed_areas(vertices, inner).sum() == pytest.approx(area, rel=1e-4)


def test_almost_every_point_carries_a_triangle():
    assert NUM_VERTICES - len(np.unique(MESH.triangles)) <= 8


def test_lids_lips_and_oval_are_edges():
    present = {frozenset(edge) for edge in edges(MESH.triangles)}
    for chain in (LEFT_EYE_UPPER, LEFT_EYE_LOWER, INNER_LIP_UPPER, OUTER_LIP_UPPER, FACE_OVAL):
        for edge in pairwise(chain):
            assert frozenset(edge) in present


def test_strips_touch_nothing_but_the_rims_of_their_holes():
    mouth = set(np.unique(MESH.of(Region.MOUTH)).tolist())
    assert mouth == {*INNER_LIP_UPPER, *INNER_LIP_LOWER}
    assert len(MESH.of(Region.EYE)) == 2 * 14


def test_the_mean_shape_and_the_mesh_are_symmetric():
    mirror = MESH.mirror
    assert (mirror[mirror] == np.arange(468)).all()
    flipped = MESH.mean_shape[mirror] * [-1, 1, 1]
    np.testing.assert_allclose(flipped, MESH.mean_shape, atol=1e-6)
    skin = MESH.of(Region.SKIN)
    faces = {frozenset(t) for t in skin.tolist()}
    assert faces == {frozenset(mirror[t].tolist()) for t in skin}
    width = np.linalg.norm(MESH.mean_shape[454] - MESH.mean_shape[234])
    assert width == pytest.approx(1, abs=1e-3)


def test_shared_arrays_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        MESH.uv[0] = 0


def turn(yaw, pitch, roll):
    cy, sy, cp, sp, cr, sr = (f(v) for v in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(-3, 3), st.floats(5, 900), st.floats(-2e3, 2e3)
)
def test_normalising_undoes_every_similarity(yaw, pitch, roll, size, shift):
    moved = MESH.mean_shape @ turn(yaw, pitch, roll).T * size + [shift, -shift, 3]
    back = normalise_shape(moved.astype(np.float32))
    np.testing.assert_allclose(back, MESH.mean_shape, atol=2e-3)


def test_an_open_mouth_hardly_moves_the_rest():
    points = MESH.mean_shape.copy()
    jaw = points[:, 1] > points[61, 1]
    points[jaw, 1] += 0.08
    back = normalise_shape(points)
    still = np.abs(back - points)[[33, 133, 362, 263, 168, 6, 10]].max()
    assert still < 0.02


def test_points_in_one_place_have_no_shape():
    with pytest.raises(ValueError, match="differ"):
        normalise_shape(np.zeros((468, 3), np.float32))


def test_building_the_mesh_again_from_moved_copies_gives_it_back(tmp_path):
    rng = np.random.default_rng(3)
    faces = [
        MESH.mean_shape @ turn(*rng.normal(0, 0.02, 3)).T * rng.uniform(50, 300) + rng.normal(0, 9)
        for _ in range(12)
    ]
    build_topology(np.array(faces, np.float32), tmp_path / "mesh.npz")
    with np.load(tmp_path / "mesh.npz") as built:
        np.testing.assert_allclose(built["mean_shape"], MESH.mean_shape, atol=5e-3)
        assert (built["mirror"] == MESH.mirror).all()
        assert len(built["triangles"]) == len(MESH.triangles)
