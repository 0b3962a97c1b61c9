"""Light from one side lights that side of what stands out, and says nothing of the source."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.face_types import F32, TEXTURE_PX
from fsp_ray.swap.masks import halve, rim_mask
from fsp_ray.swap.relief import Relief
from fsp_ray.synthesis import load_topology, with_rings
from fsp_ray.synthesis.texels import texel_map, vertex_normals
from fsp_ray.synthesis.topology import TEXTURED_VERTICES

from .conftest import pose

SEEN = np.ones((128, 128), np.float32)


def normals(stretch: float = 1.0) -> F32:
    """Of the mean face, its relief stretched towards the camera."""
    points = pose(220, (200, 190))
    points[:, 2] *= stretch
    return vertex_normals(with_rings(points)[:TEXTURED_VERTICES])


def lit_from(direction: tuple[float, float, float], stretch: float = 1.0) -> F32:
    """A matt grey face, f32[128, 128]."""
    spread = halve(np.moveaxis(texel_map().spread(normals(stretch)), 0, 2))
    return np.asarray(120 * (1 + spread @ np.array(direction, np.float32)), np.float32)


def shade(luminance: F32, stretch: float = 1.0) -> F32:
    relief = Relief()
    relief.follow(luminance, normals(), SEEN, 1.0)
    return relief.shade(normals(stretch))


def place(number: int) -> tuple[int, int]:
    u, v = load_topology().uv[number] * TEXTURE_PX / 4
    return int(v), int(u)


def test_the_side_of_the_nose_that_looks_at_the_light_is_brighter() -> None:
    left, right = place(198), place(420)  # both flanks of the nose
    from_left = shade(lit_from((0.5, 0, 0.3)))  # z looks at the camera: x looks left
    assert from_left[left] > 1.02 * from_left[right]
    from_right = shade(lit_from((-0.5, 0, 0.3)))
    assert from_right[right] > 1.02 * from_right[left]


def test_even_light_models_nothing() -> None:
    even = shade(np.full((128, 128), 120, np.float32))
    np.testing.assert_allclose(even, 1, atol=1e-3)


def test_the_edge_of_the_face_stays_as_it_is() -> None:
    edge = rim_mask()[2::4, 2::4] > 0.8
    np.testing.assert_allclose(shade(lit_from((-0.6, 0.2, 0.2)))[edge], 1, atol=0.01)


def test_it_is_the_new_faces_relief_that_is_modelled() -> None:
    frame = lit_from((-0.5, 0, 0.3))
    flat, deep = (np.abs(shade(frame, stretch) - 1).mean() for stretch in (0.3, 1.0))
    assert flat < 0.6 * deep


def test_a_mark_on_the_sources_skin_leaves_no_trace() -> None:
    frame = lit_from((-0.3, 0.1, 0.3))
    marked = frame.copy()
    marked[78:90, 34:46] *= 0.6
    change = shade(marked) - shade(frame)
    assert np.abs(change).max() < 0.012


def test_a_face_that_is_hardly_seen_is_lit_evenly() -> None:
    relief = Relief()
    relief.follow(lit_from((-0.5, 0, 0.3)), normals(), np.zeros_like(SEEN), 1.0)
    np.testing.assert_allclose(relief.shade(normals()), 1, atol=1e-6)


def test_nothing_is_shaded_before_a_frame_was_seen() -> None:
    with pytest.raises(RuntimeError, match="no frame"):
        Relief().shade(normals())
