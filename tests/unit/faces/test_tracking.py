from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from fsp_ray.core.face_types import DETECTED, FOLLOWED, INTERPOLATED
from fsp_ray.faces import ShardTracker
from tests.unit.faces.scenes import between, missing, moving


@pytest.mark.parametrize("seed", range(12))
def test_no_visible_face_is_left_open_though_detector_and_mesh_fail_at_random(
    fakes: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    world = fakes.World(
        [
            moving(60, 60, 60, *rng.uniform(-0.5, 1.2, 2)),
            between(8, 70, moving(220, 80, 50, *rng.uniform(-0.4, 0.4, 2))),
            between(30, 80, moving(120, 190, 24, 1.0)),
        ],
        num_frames=80,
    )
    tracks = fakes.track(
        world,
        fakes.Detector(world, failing=0.3, seed=seed),
        fakes.Landmarker(world, failing=0.3, seed=seed),
    )
    assert missing(fakes, world, tracks) == []


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_steady_faces_keep_one_track_whatever_the_batches(fakes: Any, batch: int) -> None:
    world = fakes.World([moving(60, 60, 60, 1.5), moving(250, 150, 40, -0.5)], num_frames=50)
    tracks = fakes.track(world, batch=batch)
    assert [len(track) for track in tracks] == [50, 50]
    for track in tracks:
        assert (track.presence > 0.5).all()
        assert set(track.origin) == {DETECTED, FOLLOWED}
        assert (np.diff(track.pts) == 512).all()


def test_every_frame_inside_a_track_has_an_entry(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60)], num_frames=60)
    hidden = fakes.Landmarker(world, blind=lambda frame, face: 20 <= frame < 32)
    away = fakes.Detector(world, blind=lambda frame, face: 20 <= frame < 32)
    (track,) = fakes.track(world, away, hidden)
    assert (np.diff(track.pts) == 512).all()
    assert len(track) == 60
    gap = slice(20, 32)
    assert (track.origin[gap] == INTERPOLATED).all()
    assert (track.presence[gap] == 0).all()
    assert (track.points[gap] == 0).all()


def test_a_short_calm_dip_of_the_mesh_is_bridged(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60, 1.0)], num_frames=40)
    blink = fakes.Landmarker(world, blind=lambda frame, face: frame in (17, 18))
    (track,) = fakes.track(
        world, fakes.Detector(world, blind=lambda frame, face: frame in (17, 18)), blink
    )
    assert (track.presence > 0.5).all()
    assert (track.origin[[17, 18]] == INTERPOLATED).all()
    expected = fakes.mesh_of((117, 100, 60))
    assert np.abs(track.points[17] - expected).max() < 1.5


def test_a_face_found_late_is_followed_back_to_its_beginning(fakes: Any) -> None:
    world = fakes.World([between(12, 60, moving(100, 100, 60, 0.5))], num_frames=60)
    late = fakes.Detector(world, blind=lambda frame, face: frame < 33)
    (track,) = fakes.track(world, late, batch=8)
    first = int((track.pts[0] - 1000) // 512)
    assert 12 - 4 <= first <= 12
    assert missing(fakes, world, [track]) == []


def test_following_back_stops_at_a_cut(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60)], num_frames=60, cuts=[20])
    (track,) = fakes.track(world, fakes.Detector(world, blind=lambda frame, face: frame < 30))
    assert (track.pts[0] - 1000) // 512 == 20


def test_a_face_that_comes_up_just_before_a_cut_is_found(fakes: Any) -> None:
    world = fakes.World(
        [moving(60, 60, 50), between(22, 24, moving(220, 150, 50))], num_frames=40, cuts=[24]
    )
    detector = fakes.Detector(world)
    assert missing(fakes, world, fakes.track(world, detector)) == []
    assert 23 in detector.calls


def test_no_track_goes_through_a_cut(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60), moving(250, 100, 50)], num_frames=60, cuts=[23, 41])
    tracks = fakes.track(world)
    assert len(tracks) == 6
    for track in tracks:
        frames = (track.pts - 1000) // 512
        assert not any(frames[0] < cut <= frames[-1] for cut in (23, 41))
    assert missing(fakes, world, tracks) == []


@pytest.mark.parametrize("seed", range(4))
def test_crossing_faces_never_share_a_track(fakes: Any, seed: int) -> None:
    world = fakes.World([moving(60, 100, 50, 3.0), moving(260, 104, 52, -3.0)], num_frames=64)
    tracks = fakes.track(
        world,
        fakes.Detector(world, failing=0.2, seed=seed),
        fakes.Landmarker(world, failing=0.1, seed=seed),
    )
    for track in tracks:
        owners = set()
        for pts, points, presence in zip(track.pts, track.points, track.presence, strict=True):
            if presence > 0:
                frame = int(pts - 1000) // 512
                visible = world.visible(frame)
                x = float(points[:, 0].mean())
                owners.add(min(visible, key=lambda face: abs(visible[face][0] - x)))
        assert len(owners) <= 1
    assert missing(fakes, world, tracks) == []


def test_faces_without_a_mesh_are_boxed_in_every_frame(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40, 2.0)], num_frames=50)
    never = fakes.Landmarker(world, blind=lambda frame, face: True)
    tracks = fakes.track(world, fakes.Detector(world), never)
    assert missing(fakes, world, tracks) == []
    assert len(tracks) == 1
    assert (tracks[0].points == 0).all()


def test_weak_detections_without_a_mesh_are_false_alarms(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40)], num_frames=50)
    never = fakes.Landmarker(world, blind=lambda frame, face: True)
    assert fakes.track(world, fakes.Detector(world, score=0.55), never) == ()


def test_a_cover_does_not_outstay_its_face(fakes: Any) -> None:
    world = fakes.World([between(0, 30, moving(100, 100, 60))], num_frames=80)
    (track,) = fakes.track(world)
    assert 30 <= len(track) <= 34


def test_a_boxed_face_is_covered_up_to_the_detection_that_missed_it(fakes: Any) -> None:
    world = fakes.World([between(0, 34, moving(100, 100, 60))], num_frames=80)
    never = fakes.Landmarker(world, blind=lambda frame, face: True)
    (track,) = fakes.track(world, fakes.Detector(world), never)
    assert 34 <= len(track) <= 38


def test_a_lost_face_is_looked_for_at_once(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60)], num_frames=40)
    detector = fakes.Detector(world)
    fakes.track(world, detector, fakes.Landmarker(world, blind=lambda frame, face: frame == 17))
    assert 17 in detector.calls
    assert len(detector.calls) < 14


def test_a_held_cover_is_not_laid_over_another_face(fakes: Any) -> None:
    # A near head hides a far one, of which only boxes were ever seen.
    world = fakes.World(
        [between(0, 23, moving(100, 100, 50)), between(23, 60, moving(104, 104, 150))],
        num_frames=60,
    )
    never = fakes.Landmarker(world, blind=lambda frame, face: face == 0)
    far, near = fakes.track(world, fakes.Detector(world), never)
    assert (near.pts[0] - 1000) // 512 <= 23
    assert (far.pts[-1] - 1000) // 512 == 22


def test_a_detection_within_a_known_face_is_no_second_one(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 120)], num_frames=30)
    part = fakes.World([moving(100, 100, 120), moving(110, 130, 36)], num_frames=30)
    detector = fakes.Detector(part)
    part.visible = lambda frame: {0: (100, 100, 120), 1: (110, 130, 36)}
    assert len(fakes.track(world, detector)) == 1


def test_in_doubt_a_found_face_gets_a_name_of_its_own(fakes: Any) -> None:
    # Two go, and one comes back half way between both.
    world = fakes.World(
        [
            between(0, 20, moving(95, 100, 60)),
            between(0, 20, moving(145, 100, 60)),
            between(28, 50, moving(120, 100, 60)),
        ],
        num_frames=50,
    )
    assert len(fakes.track(world)) == 3


def test_a_mesh_that_jumps_is_not_believed(fakes: Any) -> None:
    # The face moves away at once, and another one stands within its old ROI's reach.
    world = fakes.World(
        [
            between(0, 20, moving(100, 100, 60)),
            between(20, 40, moving(130, 112, 60)),
        ],
        num_frames=40,
    )
    tracks = fakes.track(world)
    assert len(tracks) >= 2
    assert missing(fakes, world, tracks) == []


def test_twenty_faces_at_once(fakes: Any) -> None:
    faces = [
        moving(60 + 120 * (i % 5), 60 + 110 * (i // 5), 40 + 2 * i, 0.3 * (i % 3 - 1))
        for i in range(20)
    ]
    world = fakes.World(faces, num_frames=40, width=640, height=480)
    landmarker = fakes.Landmarker(world)
    tracks = fakes.track(world, landmarker=landmarker)
    assert len(tracks) == 20
    assert all(len(track) == 40 for track in tracks)
    assert len(landmarker.calls) <= 42  # all faces of a frame in one call


def test_observations_are_those_of_the_batch(fakes: Any) -> None:
    world = fakes.World([moving(60, 60, 60, 1.0), moving(250, 150, 40)], num_frames=40)
    tracker = ShardTracker(
        fakes.Detector(world), fakes.Landmarker(world), shard_id="s", detect_every=5
    )
    total = 0
    for batch in world.batches(16):
        for observation in tracker.push(batch):
            assert batch.pts[observation.frame] == observation.pts
            assert observation.points.shape == (468, 3)
            total += 1
    tracks = tracker.finish()
    assert total == 80
    assert {track.track_id for track in tracks} == {"s-t0000", "s-t0001"}


def test_memory_is_bounded_by_a_few_batches(fakes: Any) -> None:
    world = fakes.World([moving(60, 60, 60)], num_frames=160)
    tracker = ShardTracker(
        fakes.Detector(world), fakes.Landmarker(world), shard_id="s", detect_every=5
    )
    held: list[weakref.ref[np.ndarray]] = []
    for batch in world.batches(32):
        tracker.push(batch)
        held.append(weakref.ref(batch.rgb))
        del batch
    gc.collect()
    assert [ref() is None for ref in held[:-2]] == [True] * (len(held) - 2)


def test_batches_out_of_order_are_refused(fakes: Any) -> None:
    world = fakes.World([], num_frames=20)
    tracker = ShardTracker(
        fakes.Detector(world), fakes.Landmarker(world), shard_id="s", detect_every=5
    )
    first, second = world.batches(10)
    tracker.push(second)
    with pytest.raises(ValueError, match="in order"):
        tracker.push(first)
    assert tracker.finish() == ()


def test_detect_every_must_be_positive(fakes: Any) -> None:
    world = fakes.World([], num_frames=1)
    with pytest.raises(ValueError, match="detect_every"):
        ShardTracker(fakes.Detector(world), fakes.Landmarker(world), shard_id="s", detect_every=0)
