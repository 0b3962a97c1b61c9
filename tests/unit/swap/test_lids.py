"""Drawn lids follow the source's: shut is shut, wide is wide, and nothing jumps between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.core.face_types import F32
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.gaze import EYES, eye_frame
from fsp_ray.swap.lids import FOLDS, Lids, draw_lid, lowered, unfolded
from fsp_ray.swap.raster import Window
from fsp_ray.synthesis.topology import FACE_OVAL, LEFT_BROW, RIGHT_BROW

from .conftest import pose, source_of, synthetic_face
from .test_eyes import SKIN, blinking, opening_of, plain_face, portrait

FACE_PX = 220
OPEN = pose(FACE_PX, (210, 210))


def gap(points: F32) -> float:
    """How far both eyes stand open, in eye widths."""
    frames = [eye_frame(points, rims) for rims in EYES]
    return float(np.mean([frame.opening for frame in frames if frame]))


def drawn_gap(lids: float) -> float:
    """The opening that is drawn of eyes open to a share, after eyes that were open."""
    follower = Lids(source_of(portrait(OPEN), OPEN))
    follower.follow(OPEN)
    points = blinking(OPEN, lids)
    return gap(points + lowered(points, follower.follow(points)))


def test_the_drawn_opening_follows_what_is_asked() -> None:
    asked = np.linspace(0, 1.5, 31)
    drawn = np.array([drawn_gap(share) for share in asked]) / gap(OPEN)
    assert (np.diff(drawn) >= -1e-6).all()
    assert drawn[asked == 1] == pytest.approx(1, rel=0.02)
    assert (np.diff(drawn) / np.diff(asked)).max() < 2.5  # no lid snaps
    between = (asked > 0.5) & (asked < 1.2)
    line = np.polynomial.Polynomial.fit(asked[between], drawn[between], 1)
    np.testing.assert_allclose(drawn[between], line(asked[between]), atol=0.03)


@pytest.mark.parametrize("lids", [0.0, 0.2, 0.4])
def test_what_reads_as_shut_is_shut(lids: float) -> None:
    assert drawn_gap(lids) < 0.02 * gap(OPEN)


def test_eyes_wider_than_usual_are_drawn_wider_yet_and_no_more_than_a_fifth() -> None:
    assert drawn_gap(1.1) == pytest.approx(1.18 * gap(OPEN), rel=0.02)
    assert 1.4 * gap(OPEN) < drawn_gap(1.4) < 1.2 * 1.4 * gap(OPEN)
    assert drawn_gap(2) == pytest.approx(1.2 * 2 * gap(OPEN), rel=0.02)


def test_narrow_eyes_are_no_shut_ones() -> None:
    """Against how they mostly are: who squints all the time looks out all the time."""
    narrow = blinking(OPEN, 0.55)
    follower = Lids(source_of(portrait(OPEN, lids=0.55), narrow))
    assert follower.follow(narrow) < 0.1


def test_the_level_is_learnt_though_the_first_views_blinked() -> None:
    follower = Lids(source_of(portrait(OPEN, lids=0.4), blinking(OPEN, 0.5)))
    for _ in range(30):
        follower.follow(OPEN)
    assert follower.follow(blinking(OPEN, 0.3)) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=30))
def test_lids_stay_in_bounds(shares: list[float]) -> None:
    follower = Lids(source_of(portrait(OPEN), OPEN))
    for share in shares:
        assert -0.2 <= follower.follow(blinking(OPEN, share)) <= 1


def test_only_the_upper_lid_falls_and_brows_and_outline_stay() -> None:
    shift = lowered(OPEN, 1.0)
    lower = [point for _, rim in EYES for point in rim]
    assert np.abs(shift[lower]).max() < 1e-4
    assert np.abs(shift[list(FACE_OVAL)]).max() < 0.05
    assert np.abs(shift[[*LEFT_BROW, *RIGHT_BROW]]).max() < 0.01 * FACE_PX
    assert not lowered(OPEN, 0.0).any()


def test_folds_stay_above_the_rims() -> None:
    """A lid that rose over its fold would fold the mesh."""
    for closed in (-0.2, 0.0, 0.5, 1.0):
        points = OPEN + lowered(OPEN, closed)
        for (upper, _), fold in zip(EYES, FOLDS, strict=True):
            assert (points[list(fold[1:-1]), 1] < points[list(upper[1:-1]), 1]).all()


def test_the_lid_hides_what_the_open_eye_showed() -> None:
    picture = np.full((420, 420, 3), SKIN, np.uint8)
    points = OPEN + lowered(OPEN, 1.0)
    eye = eye_frame(points, EYES[0])
    assert eye is not None
    fold = eye.inside(points[list(FOLDS[0])])
    places = np.linspace(fold, eye.upper, 5)[1:4, 2:7].reshape(-1, 2) @ eye.axes.T + eye.middle
    x, y = np.round(places - 0.5).astype(int).T
    picture[y, x] = (20, 15, 10)  # eye liner
    draw_lid(picture, Window(0, 0, 420, 420), eye, fold, 1.0)
    inside = np.linspace(fold, eye.upper, 5)[1:3, 3:6].reshape(-1, 2) @ eye.axes.T + eye.middle
    x, y = np.round(inside - 0.5).astype(int).T
    np.testing.assert_allclose(picture[y, x], np.tile(SKIN, (len(x), 1)), atol=40)


def test_open_eyes_show_no_lid_and_shut_ones_all_of_it() -> None:
    assert unfolded(0.0) == 0
    assert unfolded(1.0) == 1


def test_a_blink_is_seen_and_gone_again() -> None:
    """Through the whole swapper: dark iris, skin, dark iris."""
    rgb, keep = portrait(OPEN), SwapSettings(shape_gain=0, layout_gain=0, expression_weight=0)
    session = MeshSwapper(keep).session(plain_face(), source_of(rgb, OPEN))
    far_from_skin: list[float] = []
    for lids in (1.0, 1.0, 0.1, 1.0):
        frame = portrait(OPEN, lids=lids)
        session.apply(frame, blinking(OPEN, lids))
        far_from_skin.append(float(np.abs(opening_of(frame, OPEN) - SKIN).mean()))
    assert far_from_skin[2] < 15
    assert min(far_from_skin[1], far_from_skin[3]) > 30


def test_a_track_that_starts_with_shut_eyes_shows_lids() -> None:
    """Though no iris was seen yet: nothing of the frame's own eye or of the texture's is left."""
    shut = blinking(OPEN, 0)
    rgb, face = portrait(OPEN, lids=0), plain_face()
    session = MeshSwapper(SwapSettings(shape_gain=0, layout_gain=0)).session(
        face, source_of(portrait(OPEN), OPEN)
    )
    eye = eye_frame(OPEN, EYES[0])
    assert eye is not None
    middle = np.round(eye.middle).astype(int)
    rgb[middle[1] - 4 : middle[1] + 2, middle[0] - 8 : middle[0] + 8] = 0
    session.apply(rgb, shut)
    assert np.abs(opening_of(rgb, OPEN) - SKIN).mean() < 15


def test_rims_beyond_the_corner_still_close_the_eye() -> None:
    """As on turned faces, whose far corner the mesh guesses."""
    turned = OPEN.copy()
    upper, lower = EYES[0]
    turned[[*upper[1:-1], *lower[1:-1]], 0] += 0.03 * FACE_PX
    eye = eye_frame(turned, EYES[0])
    assert eye is not None
    assert eye.upper[-1, 0] > 0.5
    for end in (0, -1):
        assert eye.lower[end] == pytest.approx(eye.upper[end], abs=1e-6)
    assert (np.diff(eye.upper[:, 0]) >= 0).all()
    assert (np.diff(eye.lower[:, 0]) >= 0).all()


def test_faces_without_eyes_to_see_are_left_alone() -> None:
    follower = Lids(source_of(portrait(OPEN), OPEN))
    turned = OPEN.copy()
    turned[:, 0] = turned[:, 0].mean()
    assert follower.follow(turned) == 0
    assert synthetic_face() is not None
