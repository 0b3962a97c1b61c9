from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.synthesis.source import SourceFaceBuilder, merge_sources
from fsp_ray.synthesis.topology import load_topology

MESH = load_topology()


def head(yaw_deg: float = 0.0):
    a = np.radians(yaw_deg)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return (MESH.mean_shape @ turn.T * 280 + [200, 220, 0]).astype(np.float32)


def flat(value):
    return np.full((440, 400, 3), value, np.uint8)


def build(*views):
    builder = SourceFaceBuilder()
    for rgb, points, weight in views:
        builder.add(rgb, points, weight)
    return builder.build()


def test_nothing_added_is_no_face():
    assert build() is None
    assert build((flat(90), head(), 0.0)) is None


def test_a_face_out_of_the_frame_is_no_face():
    assert build((flat(90), head() + np.float32(5000), 1.0)) is None


def test_views_are_averaged_by_weight():
    source = build((flat(50), head(), 1.0), (flat(110), head(), 3.0))
    assert source is not None
    assert source.num_views == 2
    assert np.abs(source.texture.astype(int) - 95).max() <= 1
    np.testing.assert_allclose(source.shape, MESH.mean_shape, atol=1e-3)


def test_one_wild_mesh_among_many_hardly_moves_the_shape():
    wild = head()
    wild[:, 1] += 90 * np.sin(np.arange(468))
    views = [(flat(90), head(y), 1.0) for y in (-10, -5, 0, 5, 10)]
    source = build(*views, (flat(90), wild, 1.0))
    assert source is not None
    assert np.abs(source.shape - MESH.mean_shape).max() < 0.02


def test_gaps_are_filled_from_the_other_half():
    rgb = flat(40)
    rgb[:, 200:] = 200  # the image-right half of the face
    full = build((rgb, head(), 1.0))
    cut = build((rgb[:, 195:], head() - np.array([195, 0, 0], np.float32), 1.0))
    assert full is not None
    assert cut is not None
    assert full.texture[128, 60].max() <= 45
    assert cut.weight[128, 60] == 0
    assert np.abs(cut.texture[100:160, 30:100].astype(int) - 200).max() < 30


def test_merging_counts_views():
    one = build((flat(50), head(), 1.0))
    three = build(*[(flat(110), head(), 1.0)] * 3)
    assert one is not None
    assert three is not None
    both = merge_sources([one, three])
    assert both.num_views == 4
    assert abs(int(both.texture[128, 128, 0]) - 95) <= 1
    assert merge_sources([one]) is one
    with pytest.raises(ValueError, match="at least one"):
        merge_sources([])


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_senseless_weight_is_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        SourceFaceBuilder().add(flat(90), head(), weight)
