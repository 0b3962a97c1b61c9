"""Laws of the mesh swapper, and what it may never do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.core.protocols import FaceSwapper
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.synthesis import load_topology, with_rings
from fsp_ray.synthesis.topology import FACE_OVAL

from .conftest import Studio, picture, pose, source_of, synthetic_face


def swap(
    rgb: U8,
    points: F32,
    face: SyntheticFace,
    source: SourceFace,
    settings: SwapSettings | None = None,
) -> U8:
    out = rgb.copy()
    swapper: FaceSwapper = MeshSwapper(settings or SwapSettings())
    swapper.session(face, source).apply(out, points)
    return out


def polygon(corners: F32, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(16 * (corners[:, None, :2] - 0.5)).astype(np.int32)], 1, 8, 4)
    return mask.astype(bool)


def flat(texture_value: int, base: SyntheticFace) -> SyntheticFace:
    texture = np.full((TEXTURE_PX, TEXTURE_PX, 3), texture_value, np.uint8)
    return SyntheticFace("p", texture, base.shape, 30, "female")


DEGENERATE = ("nan", "flat", "permuted", "outside", "tiny", "huge", "behind", "profile")
KEEP_SHAPE = SwapSettings(shape_gain=0, layout_gain=0, expression_weight=0)


def test_nothing_beyond_the_outer_ring_is_touched(studio: Studio) -> None:
    out = swap(studio.rgb, studio.points, studio.face, studio.source)
    ring = polygon(with_rings(studio.points)[-len(FACE_OVAL) :], studio.rgb.shape[:2])
    ring = cv2.dilate(ring.astype(np.uint8), np.ones((3, 3))).astype(bool)
    np.testing.assert_array_equal(out[~ring], studio.rgb[~ring])
    assert (out[ring] != studio.rgb[ring]).mean() > 0.5


def test_the_background_bends_with_the_jaw(studio: Studio) -> None:
    """Beyond the chin the picture is drawn along, the less the farther out, and never torn."""
    mesh = load_topology()
    wider = SyntheticFace(
        "p", studio.face.texture, (mesh.mean_shape * [1.1, 1, 1]).astype(np.float32), 30, "male"
    )
    side = 400
    ramp = np.linspace(0, 250, side)
    rgb = np.repeat(np.tile(ramp, (side, 1)).astype(np.uint8)[:, :, None], 3, axis=2)
    points = pose(150, (200, 200))
    source = source_of(rgb, points)
    neutral = SourceFace(mesh.mean_shape.copy(), source.texture, source.weight, 1)
    settings = SwapSettings(shape_gain=1, layout_gain=0)
    out = swap(rgb, points, wider, neutral, settings).astype(float)
    rim = points[454]
    row = int(rim[1])
    beyond = np.arange(int(rim[0]) + 10, int(rim[0]) + 40)
    drawn_along = (rgb[row, beyond, 0] - out[row, beyond, 0]) / (250 / side)
    assert drawn_along[:6].mean() > 2
    assert abs(drawn_along[-2:]).mean() < 1.5
    assert np.abs(np.diff(out[row, beyond, 0])).max() < 4


def test_the_same_input_gives_the_same_output(studio: Studio) -> None:
    first = swap(studio.rgb, studio.points, studio.face, studio.source)
    again = swap(studio.rgb, studio.points, studio.face, studio.source)
    np.testing.assert_array_equal(first, again)


def test_without_shift_the_rings_keep_every_pixel() -> None:
    rgb, points = picture(300, 300), pose(140, (150, 150))
    out = swap(rgb, points, synthetic_face(), source_of(rgb, points), KEEP_SHAPE)
    face = polygon(points[list(FACE_OVAL)], rgb.shape[:2])
    # The cheeks bulge a little beyond the oval.
    face = cv2.dilate(face.astype(np.uint8), np.ones((7, 7))).astype(bool)
    np.testing.assert_array_equal(out[~face], rgb[~face])


@pytest.mark.parametrize("yaw", [-1.0, 1.0])
def test_nothing_of_a_turned_face_stays_uncovered(studio: Studio, yaw: float) -> None:
    """Its nose juts out beyond the rings, which are flat."""
    rgb = picture(400, 400)
    points = pose(200, (200, 200), yaw=yaw)
    out = swap(rgb, points, studio.face, source_of(rgb, points))
    inward = (-3 * np.sign(points[1, 0] - 200), 0)
    nose = np.round(points[[1, 4, 5, 195], :2] + inward).astype(int)
    changed = np.abs(out.astype(int) - rgb).max(axis=2)
    assert all(changed[y - 2 : y + 3, x - 2 : x + 3].mean() > 3 for x, y in nose.tolist())


@pytest.mark.parametrize("size", [40, 90, 160, 300])
@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_the_mask_has_no_hole(size: int, yaw: float) -> None:
    """Under a flat texture, no pixel of a checkered face shows through, but eyes and mouth."""
    side = int(2.2 * size)
    rows, columns = np.mgrid[:side, :side]
    checker = np.where((rows + columns) % 2, 200, 60).astype(np.uint8)
    rgb = np.repeat(checker[:, :, None], 3, axis=2)
    points = pose(size, (side / 2, side / 2), yaw=yaw)
    face = flat(128, synthetic_face())
    settings = SwapSettings(shape_gain=0, layout_gain=0, expression_weight=0, feather=0.03)
    out = swap(rgb, points, face, source_of(rgb, points), settings).astype(int)
    roughness = np.abs(out[1:-1, 1:-1] - out[1:-1, 2:]).max(axis=2)
    replaced = np.pad(roughness < 20, 1)
    wanted = _skin_well_inside(points, (side, side))
    assert wanted.sum() > 0.1 * size * size
    assert replaced[wanted].all(), f"{(wanted & ~replaced).sum()} pixels of the source left"


def _skin_well_inside(points: F32, shape: tuple[int, int]) -> np.ndarray:
    size = float(np.ptp(points[:, 0]))
    oval = polygon(points[list(FACE_OVAL)], shape).astype(np.uint8)
    reach = max(3, int(0.09 * size))
    inside = cv2.erode(oval, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    mesh = load_topology()
    holes = np.zeros(shape, np.uint8)
    for triangle in mesh.triangles[np.isin(mesh.region, (1, 2))]:
        cv2.fillConvexPoly(holes, np.round(points[triangle, :2]).astype(np.int32), 1)
    rim = 2 * max(2, int(0.035 * size)) + 1
    return (inside > 0) & (cv2.dilate(holes, np.ones((rim, rim), np.uint8)) == 0)


def test_the_face_takes_on_the_light_of_the_frame(studio: Studio) -> None:
    dark_rgb = (studio.rgb // 3).astype(np.uint8)
    x, y = studio.points[205, :2].astype(int)
    face = flat(128, studio.face)
    lit = swap(studio.rgb, studio.points, face, studio.source, KEEP_SHAPE)[y, x]
    dark = swap(dark_rgb, studio.points, face, source_of(dark_rgb, studio.points), KEEP_SHAPE)[y, x]
    np.testing.assert_allclose(dark, lit / 3, atol=6)
    here = cv2.GaussianBlur(studio.rgb, (0, 0), 12)[y, x]
    np.testing.assert_allclose(lit, here, atol=22)


def test_mirrored_input_gives_mirrored_output() -> None:
    rgb, points, face = picture(300, 301, 3), pose(150, (150.5, 150)), synthetic_face()
    mesh = load_topology()
    flip = np.array([-1, 1, 1], np.float32)
    mirrored_points = (points[mesh.mirror] * flip + [301, 0, 0]).astype(np.float32)
    mirrored_face = SyntheticFace(
        "p",
        np.ascontiguousarray(face.texture[:, ::-1]),
        (face.shape[mesh.mirror] * flip).astype(np.float32),
        30,
        "female",
    )
    mirrored_rgb = np.ascontiguousarray(rgb[:, ::-1])
    # Where features are led is drawn from the synthetic shape: a mirrored one is another person.
    plain = SwapSettings(layout_gain=0)
    mirrored_source = source_of(mirrored_rgb, mirrored_points)
    one = swap(rgb, points, face, source_of(rgb, points), plain)
    other = swap(mirrored_rgb, mirrored_points, mirrored_face, mirrored_source, plain)
    difference = np.abs(one.astype(int) - other[:, ::-1])
    assert difference.mean() < 0.6
    assert np.percentile(difference, 99) <= 6


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_mesh_is_refused_before_anything_is_drawn(studio: Studio, name: str) -> None:
    good = studio.points
    bad = {
        "nan": np.where(np.arange(NUM_POINTS)[:, None] == 7, np.nan, good),
        "flat": good * [1, 0, 1] + [0, 100, 0],
        "permuted": good[np.random.default_rng(0).permutation(NUM_POINTS)],
        "outside": good + np.array([5000, 0, 0]),
        "tiny": good * 0.02 + [50, 50, 0],
        "huge": good * 200,
        "behind": pose(160, (240, 170), yaw=np.pi * 0.9),
        "profile": pose(160, (240, 170), yaw=1.35),
    }[name].astype(np.float32)
    rgb = studio.rgb.copy()
    session = MeshSwapper().session(studio.face, studio.source)
    with pytest.raises(ValueError, match=r"mesh|finite"):
        session.apply(rgb, bad)
    np.testing.assert_array_equal(rgb, studio.rgb)


@pytest.mark.parametrize("center", [(0, 150), (480, 150), (240, 0), (240, 360), (2, 2), (478, 357)])
@pytest.mark.parametrize("size", [60, 250])
def test_a_face_partly_outside_is_swapped(center: tuple[int, int], size: int) -> None:
    rgb = picture(360, 480, 4)
    points = pose(size, center, roll=0.3)
    whole_points = pose(size, (240, 180), roll=0.3)
    out = swap(rgb, points, synthetic_face(), source_of(rgb, whole_points))
    ring = polygon(with_rings(points)[-len(FACE_OVAL) :], (360, 480))
    ring = cv2.dilate(ring.astype(np.uint8), np.ones((3, 3))).astype(bool)
    np.testing.assert_array_equal(out[~ring], rgb[~ring])
    assert (out[ring] != rgb[ring]).any()


def test_the_work_does_not_grow_with_the_frame(studio: Studio) -> None:
    """The same face in a frame of 64 times the area gives the same pixels round it."""
    large = np.zeros((8 * 360, 8 * 480, 3), np.uint8)
    large[1000:1360, 2000:2480] = studio.rgb
    shift = np.array([2000, 1000, 0], np.float32)
    out = swap(large, studio.points + shift, studio.face, studio.source)
    small = swap(studio.rgb, studio.points, studio.face, studio.source)
    difference = np.abs(out[1000:1360, 2000:2480].astype(int) - small)
    assert np.percentile(difference, 99.5) <= 2


def test_a_session_starts_without_a_flash_and_follows_the_light(studio: Studio) -> None:
    """The second frame of a still looks like the first, and a cut to dark is followed at once."""
    session = MeshSwapper().session(studio.face, studio.source)
    first, second = studio.rgb.copy(), studio.rgb.copy()
    session.apply(first, studio.points)
    session.apply(second, studio.points)
    assert np.abs(first.astype(int) - second).max() <= 2
    dark = (studio.rgb // 3).astype(np.uint8)
    session.apply(dark, studio.points)
    x, y = studio.points[205, :2].astype(int)
    assert dark[y, x].mean() < 0.5 * second[y, x].mean()


def test_a_strip_of_another_size_and_a_view_of_a_batch_work(studio: Studio) -> None:
    batch = np.stack([studio.rgb, studio.rgb])
    MeshSwapper().session(studio.face, studio.source).apply(batch[1], studio.points)
    np.testing.assert_array_equal(batch[0], studio.rgb)
    expected = swap(studio.rgb, studio.points, studio.face, studio.source)
    np.testing.assert_array_equal(batch[1], expected)


def test_golden_figures(studio: Studio) -> None:
    """A change of looks must be meant: these figures move with it."""
    out = swap(studio.rgb, studio.points, studio.face, studio.source).astype(float)
    face = polygon(studio.points[list(FACE_OVAL)], studio.rgb.shape[:2])
    change = np.abs(out - studio.rgb)[face].mean(axis=0)
    np.testing.assert_allclose(out[face].mean(axis=0), [149.1, 136.2, 141.7], atol=1.5)
    np.testing.assert_allclose(change, [11.5, 12.8, 16.9], atol=1.5)
