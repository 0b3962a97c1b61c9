"""The audit searches all over a shard, and closer where faces are missed."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.audit import Patch
from fsp_ray.faces import COVER
from fsp_ray.stages.audit_frames import SearchedFrames
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan
from tests.fakes.shards import meshed_track

FRAME_PTS = 10
FRAMES = range(300)


def _plan(*unmeshed: range, patches: tuple[Patch, ...] = ()) -> ShardPlan:
    presence = [0.0 if any(n in part for part in unmeshed) else 1.0 for n in FRAMES]
    pts = [FRAME_PTS * n for n in FRAMES]
    track = meshed_track("t", pts, (60, 60, 50), presence=presence)
    modes = np.full(len(track), COVER, np.uint8)
    return ShardPlan((PlannedTrack(track, "p", None, modes),), (), patches)


def _searched(plan: ShardPlan, *, closer: bool = False, earlier: tuple[int, ...] = ()) -> set[int]:
    frames = SearchedFrames(
        plan,
        detect_every=5,
        frame_pts=FRAME_PTS,
        earlier=np.array(earlier, np.int64),
        closer=closer,
    )
    return {n for n in FRAMES if (n, FRAME_PTS * n) in frames}


def test_a_quiet_shard_is_searched_every_fifteenth_frame_and_not_where_analysis_looked() -> None:
    searched = _searched(_plan())
    assert searched == set(range(2, 300, 15))
    assert not any(n % 5 == 0 for n in searched)


def test_around_a_head_without_a_mesh_it_is_every_fifth() -> None:
    searched = _searched(_plan(range(100, 121)))
    assert searched == {*range(2, 300, 15), *range(92, 131, 5)}


def test_what_was_patched_is_searched_frame_by_frame_and_around_it() -> None:
    plan = _plan(patches=(Patch(1500, 1600, (0, 0, 10, 10)),))
    assert _searched(plan) == set(range(2, 300, 15))
    assert _searched(plan, closer=True) == {*range(2, 300, 15), *range(140, 171)}


def test_what_an_earlier_round_searched_is_searched_again() -> None:
    assert _searched(_plan(), earlier=(70, 80)) == {*range(2, 300, 15), 7, 8}


@pytest.mark.parametrize("detect_every", [1, 5, 30])
def test_every_other_of_the_spread_frames_is_looked_at_closely(detect_every: int) -> None:
    frames = SearchedFrames(_plan(), detect_every=detect_every, frame_pts=FRAME_PTS)
    spread = [n for n in FRAMES if (n, FRAME_PTS * n) in frames]
    assert [frames.closely(n) for n in spread] == [i % 2 == 0 for i in range(len(spread))]
