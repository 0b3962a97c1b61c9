"""Heads without a mesh, hints, and the second net: who is covered, from when, and until when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.faces.scenes import between, missing, moving


def frames(track: Any) -> tuple[int, int]:
    return int(track.pts[0] - 1000) // 512, int(track.pts[-1] - 1000) // 512


def never(fakes: Any, world: Any) -> Any:
    """Return a landmarker that fits no mesh to anything."""
    return fakes.Landmarker(world, blind=lambda frame, face: True)


def test_hints_alone_are_no_face(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40)], num_frames=50)
    assert fakes.track(world, fakes.Detector(world, score=0.4), never(fakes, world)) == ()


def test_hints_that_the_second_net_shares_are_a_face(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40)], num_frames=50)
    second = fakes.Detector(world, score=0.35, seed=5)
    hints = fakes.Detector(world, score=0.4)
    (track,) = fakes.track(world, hints, never(fakes, world), second=second)
    assert frames(track) == (0, 49)


def test_a_second_net_elsewhere_confirms_nothing(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40)], num_frames=50)
    elsewhere = fakes.World([moving(160, 100, 40)], num_frames=50)
    second = fakes.Detector(elsewhere, score=0.35)
    hints = fakes.Detector(world, score=0.4)
    assert fakes.track(world, hints, never(fakes, world), second=second) == ()


def test_what_only_the_second_net_sees_is_covered(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 40)], num_frames=50)
    blind = fakes.Detector(world, blind=lambda frame, face: True)
    tracks = fakes.track(world, blind, never(fakes, world), second=fakes.Detector(world))
    assert missing(fakes, world, tracks) == []


def test_the_second_net_is_asked_now_and_then_only(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60)], num_frames=100)
    second = fakes.Detector(world)
    fakes.track(world, second=second)
    assert second.calls[0] == 0
    assert 5 <= len(second.calls) <= 12


def test_hints_continue_a_face_that_was_sure(fakes: Any) -> None:
    class Fading(fakes.Detector):
        def detect(self, rgb: Any) -> Any:
            self.score = 0.9 if len(self.calls) < 3 else 0.35
            return super().detect(rgb)

    world = fakes.World([moving(60, 100, 40, 1.5)], num_frames=70)
    (track,) = fakes.track(world, Fading(world), never(fakes, world))
    assert frames(track) == (0, 69)
    assert missing(fakes, world, [track]) == []


def test_a_head_without_a_mesh_is_followed_back_by_its_looks(fakes: Any) -> None:
    world = fakes.World([between(8, 60, moving(60, 100, 50, 1.2, 0.6))], num_frames=60)
    late = fakes.Detector(world, blind=lambda frame, face: frame < 19)
    (track,) = fakes.track(world, late, never(fakes, world))
    assert missing(fakes, world, [track]) == []
    assert frames(track)[0] >= 4


def test_looks_are_not_followed_through_a_cut(fakes: Any) -> None:
    world = fakes.World([moving(100, 100, 60)], num_frames=50, cuts=[20, 40])
    seen = fakes.Detector(world, blind=lambda frame, face: not 29 <= frame < 34)
    (track,) = fakes.track(world, seen, never(fakes, world))
    assert frames(track)[0] == 20
    assert frames(track)[1] < 40


def test_a_head_that_two_detections_miss_stays_covered(fakes: Any) -> None:
    world = fakes.World([between(0, 40, moving(60, 100, 50, 2.0))], num_frames=60)
    seen = fakes.Detector(world, blind=lambda frame, face: frame > 30)
    (track,) = fakes.track(world, seen, never(fakes, world))
    assert missing(fakes, world, [track]) == []
    assert frames(track)[1] <= 44


def test_looks_do_not_lead_onto_another_face(fakes: Any) -> None:
    # The far head is lost; the near one, which has a mesh, passes over its place.
    world = fakes.World(
        [between(0, 20, moving(200, 100, 40)), moving(40, 100, 70, 4.0)], num_frames=50
    )
    landmarker = fakes.Landmarker(world, blind=lambda frame, face: face == 0)
    far, near = sorted(
        fakes.track(world, fakes.Detector(world), landmarker), key=lambda t: (t.presence > 0).sum()
    )
    assert frames(near) == (0, 49)
    assert frames(far)[1] <= 30


@pytest.mark.parametrize("meshed", [True, False])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is a bag of functions
)
@given(
    start=st.integers(0, 15),
    length=st.integers(16, 40),
    speed=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    blind=st.lists(st.tuples(st.integers(6, 12), st.integers(1, 9)), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_whatever_detections_fail_for_nine_frames_every_frame_is_covered(
    fakes: Any,
    meshed: bool,
    start: int,
    length: int,
    speed: tuple[float, float],
    blind: list[tuple[int, int]],
    seed: int,
) -> None:
    """Between failures of up to 9 frames there are 6 or more in which the detector sees."""
    missed: set[int] = set()
    at = 0
    for seeing, failing in blind:
        missed.update(range(at, at + failing))
        at += failing + seeing
    face = between(start, start + length, moving(160, 120, 60, *speed))
    world = fakes.World([face], num_frames=60)
    detector = fakes.Detector(world, seed=seed, blind=lambda frame, face: frame in missed)
    landmarker = fakes.Landmarker(world, seed=seed) if meshed else never(fakes, world)
    tracks = fakes.track(world, detector, landmarker)
    assert missing(fakes, world, tracks) == []
    entries = np.concatenate([track.pts for track in tracks])
    assert len(entries) <= length + 24
