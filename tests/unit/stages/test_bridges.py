from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.video_types import VideoInfo
from fsp_ray.stages.bridges import Bridge, find_bridges
from tests.fakes.faces import make_summary

INFO = VideoInfo(
    video_id="v",
    uri="v.mp4",
    width=640,
    height=480,
    time_base=Fraction(1, 25),
    frame_rate=Fraction(25),
    num_frames=1000,
    start_pts=0,
    stop_pts=1000,
    codec="h264",
)


def test_a_face_lost_before_a_border_and_found_after_it_is_bridged() -> None:
    before = make_summary("a", shard_index=0, last_pts=295)
    after = make_summary("b", shard_index=1, start_pts=303, last_pts=500)
    (bridge,) = find_bridges(INFO, [after, before])
    assert bridge.box(295) is None
    assert bridge.box(303) is None
    assert all(bridge.box(pts) is not None for pts in range(296, 303))


def test_far_apart_in_place_or_time_is_not_bridged() -> None:
    before = make_summary("a", shard_index=0, last_pts=295)
    elsewhere = make_summary(
        "b", shard_index=1, start_pts=300, last_pts=400, first_xyxy=(400, 10, 440, 60)
    )
    later = make_summary("c", shard_index=1, start_pts=330, last_pts=400)
    same_shard = make_summary("d", shard_index=0, start_pts=297, last_pts=299)
    assert find_bridges(INFO, [before, elsewhere]) == ()
    assert find_bridges(INFO, [before, later]) == ()
    assert find_bridges(INFO, [before, same_shard]) == ()


@given(st.integers(1, 99))
def test_the_box_moves_straight(pts: int) -> None:
    bridge = Bridge(0, 100, (0, 0, 10, 10), (100, 50, 120, 70))
    box = bridge.box(pts)
    assert box is not None
    np.testing.assert_allclose(box, [pts, pts / 2, 10 + 1.1 * pts, 10 + 0.6 * pts], atol=1e-3)
