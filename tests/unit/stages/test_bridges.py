from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.face_types import TrackSummary
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.stages.bridges import Bridge, find_bridges, find_cuts, find_extensions, save_border
from fsp_ray.stages.staging import Staging
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


SHARDS = tuple(Shard(f"v-{n}", "v", n, 300 * n, 300 * (n + 1), 300) for n in range(3))


def _extended(*tracks: TrackSummary, cuts: tuple[int, ...] = ()) -> set[int]:
    """Return the frames that are covered beyond all tracks."""
    found = find_extensions(INFO, SHARDS, tracks, cuts)
    bridges = [bridge for of_track in found.values() for bridge in of_track]
    return {pts for pts in range(1000) if any(b.box(pts) is not None for b in bridges)}


def test_a_face_found_just_after_a_border_is_covered_before_it() -> None:
    late = make_summary("b", shard_index=1, start_pts=303, last_pts=500)
    assert _extended(late) == set(range(295, 303))
    assert _extended(make_summary("b", shard_index=1, start_pts=306, last_pts=500)) == set()
    assert _extended(make_summary("a", shard_index=0, start_pts=0, last_pts=200)) == set()


def test_a_face_lost_just_before_a_border_is_covered_after_it() -> None:
    assert _extended(make_summary("a", shard_index=1, start_pts=400, last_pts=597)) == set(
        range(598, 605)
    )


def test_a_short_track_may_be_cut_off_on_both_sides() -> None:
    shard = make_summary("a", shard_index=1, start_pts=300, last_pts=599)
    assert _extended(shard) == {*range(295, 300), *range(600, 605)}


def test_a_cut_at_the_border_cuts_faces_off_rightly() -> None:
    assert _extended(make_summary("b", shard_index=1, start_pts=300, last_pts=500), cuts=(1,)) == (
        set()
    )


def test_covers_end_where_another_track_goes_on_in_the_place() -> None:
    before = make_summary("a", shard_index=0, last_pts=299)
    after = make_summary("b", shard_index=1, start_pts=300, last_pts=500)
    assert _extended(before, after) == set()
    late = make_summary("b", shard_index=1, start_pts=303, last_pts=500)
    assert _extended(before, late) == {300, 301, 302}
    elsewhere = make_summary(
        "b", shard_index=1, start_pts=300, last_pts=500, first_xyxy=(400, 10, 440, 60)
    )
    assert _extended(before, elsewhere) == set(range(295, 305))


def test_extensions_are_wider_than_the_face() -> None:
    track = make_summary("b", shard_index=1, start_pts=300, first_xyxy=(100, 100, 140, 160))
    ((bridge,),) = find_extensions(INFO, SHARDS, [track], ()).values()
    assert bridge.from_xyxy == bridge.to_xyxy == pytest.approx((94, 91, 146, 169))


def test_cuts_at_borders_are_seen_in_the_frames_beside_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.uniform(0, 255, (32, 32)).astype(np.float32) for _ in range(2))
    staging = Staging(tmp_path)
    save_border(staging, "v-0", other, one)
    save_border(staging, "v-1", one + 3, one)
    save_border(staging, "v-2", other, other)
    assert find_cuts(SHARDS, staging) == {2}
