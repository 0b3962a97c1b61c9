"""Laws of the cover: nothing but a few means survives, and nothing else is touched."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.core.face_types import F32, U8
from fsp_ray.swap import cover

coordinate = st.floats(-400, 400, width=32)
boxes = st.tuples(coordinate, coordinate, coordinate, coordinate)
wild = st.floats(allow_nan=False, allow_infinity=False, width=32)


def noise(seed: int, height: int = 120, width: int = 160) -> U8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mesh(center: tuple[float, float], size_px: float) -> F32:
    angle = np.linspace(0, 2 * np.pi, 468, endpoint=False)
    radius = size_px / 2 * (0.3 + 0.7 * (np.arange(468) % 2))
    points = np.zeros((468, 3), np.float32)
    points[:, 0] = center[0] + radius * np.cos(angle)
    points[:, 1] = center[1] + radius * np.sin(angle)
    return points


def touched(xyxy: tuple[float, ...], points: F32 | None, shape: tuple[int, int]) -> np.ndarray:
    """Where the cover draws: solid grey over black, then over white."""
    black, white = np.zeros((*shape, 3), np.uint8), np.full((*shape, 3), 255, np.uint8)
    cover(black, np.array(xyxy, np.float32), points, style="solid")
    cover(white, np.array(xyxy, np.float32), points, style="solid")
    same = (black == white).all(axis=2)
    np.testing.assert_array_equal(same, (black != 0).any(axis=2))
    return same


@given(boxes, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_at_most_25_colours_are_left_and_the_rest_is_untouched(
    box: tuple[float, float, float, float], seed: int
) -> None:
    rgb = noise(seed)
    before = rgb.copy()
    cover(rgb, np.array(box, np.float32), None)
    region = touched(box, None, rgb.shape[:2])
    np.testing.assert_array_equal(rgb[~region], before[~region])
    assert len(np.unique(rgb[region], axis=0)) <= 25


@given(st.floats(-30, 170), st.floats(-30, 130), st.floats(1, 150))
@settings(max_examples=60, deadline=None)
def test_the_whole_box_is_covered(x: float, y: float, side: float) -> None:
    region = touched((x, y, x + side, y + side), None, (120, 160))
    inside = np.zeros((120, 160), bool)
    x0, y0 = max(round(x), 0), max(round(y), 0)
    inside[y0 : max(round(y + side), 0), x0 : max(round(x + side), 0)] = True
    assert region[inside].all()


@given(st.tuples(wild, wild, wild, wild), st.sampled_from(["mosaic", "solid"]))
@settings(max_examples=100, deadline=None)
def test_finite_boxes_never_raise(box: tuple[float, float, float, float], style: str) -> None:
    cover(noise(0, 12, 17), np.array(box, np.float32), None, style=style)  # type: ignore[arg-type]


@given(st.floats(-300, 400), st.floats(-300, 400), st.floats(0.01, 2000))
@settings(max_examples=60, deadline=None)
def test_meshes_anywhere_never_raise_and_are_covered(x: float, y: float, size: float) -> None:
    rgb = noise(1)
    points = mesh((x, y), size)
    cover(rgb, np.array([x - 1, y - 1, x + 1, y + 1], np.float32), points)
    region = touched((x - 1, y - 1, x + 1, y + 1), points, (120, 160))
    columns, rows = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
    held = (columns >= 0) & (columns < 160) & (rows >= 0) & (rows < 120)
    assert region[rows[held], columns[held]].all()


@pytest.mark.parametrize("side", [1, 4, 9, 20, 60, 100])
def test_what_is_left_depends_on_cell_means_alone(side: int) -> None:
    """Pixels shuffled within each cell give the same covered picture, to the bit."""
    rgb = noise(2)
    box = np.array([30, 10, 30 + side, 10 + side], np.float32)
    covered = rgb.copy()
    cover(covered, box, None)
    shuffled = rgb.copy()
    rng = np.random.default_rng(3)
    for rows, columns in _cells(box):
        pixels = shuffled[rows, columns].reshape(-1, 3)
        shuffled[rows, columns] = rng.permutation(pixels).reshape(shuffled[rows, columns].shape)
    assert (shuffled != rgb).any() or side == 1
    cover(shuffled, box, None)
    region = touched(tuple(box), None, (120, 160))
    np.testing.assert_array_equal(shuffled[region], covered[region])


def _cells(box: np.ndarray) -> list[tuple[slice, slice]]:
    """The rectangles of one cell each: 5 or fewer a side over 1.25 times the box."""
    center, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) * 0.625, 4)
    edges = []
    for low, high in zip(np.floor(center - half), np.ceil(center + half), strict=True):
        cells = int(np.clip((high - low) // 6, 1, 5))
        edges.append(np.round(np.linspace(low, high, cells + 1)).astype(int).tolist())
    columns, rows = ([slice(*pair) for pair in itertools.pairwise(axis)] for axis in edges)
    return [(row, column) for row in rows for column in columns]


def test_a_small_face_does_not_survive_in_small_cells() -> None:
    rgb = noise(4)
    before = rgb.copy()
    cover(rgb, np.array([50, 50, 55, 55], np.float32), None)
    left = np.unique(rgb[50:55, 50:55].reshape(-1, 3), axis=0)
    assert len(left) <= 2
    assert (rgb[50:55, 50:55] != before[50:55, 50:55]).any()


def test_a_box_far_outside_changes_nothing() -> None:
    rgb = noise(5)
    before = rgb.copy()
    cover(rgb, np.array([500, 500, 600, 600], np.float32), None)
    np.testing.assert_array_equal(rgb, before)


def test_a_mesh_that_is_not_finite_leaves_the_box_to_cover() -> None:
    rgb, expected = noise(6), noise(6)
    box = np.array([40, 40, 90, 90], np.float32)
    cover(rgb, box, np.full((468, 3), np.nan, np.float32))
    cover(expected, box, None)
    np.testing.assert_array_equal(rgb, expected)


def test_a_box_that_is_not_finite_is_refused() -> None:
    rgb = noise(7)
    before = rgb.copy()
    with pytest.raises(ValueError, match="finite"):
        cover(rgb, np.array([0, 0, np.nan, 10], np.float32), None)
    np.testing.assert_array_equal(rgb, before)


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="style"):
        cover(noise(8), np.array([0, 0, 9, 9], np.float32), None, style="blur")  # type: ignore[arg-type]
