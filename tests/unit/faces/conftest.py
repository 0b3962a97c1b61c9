"""A world of made-up faces, and a detector and landmarker that know it and fail at will.

Frames carry their own number in their first pixel, so that the fakes know where they are; the
rest is a random pattern, one for each shot, with a pattern of its own for each face in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from fsp_ray.core.face_types import F32, U8, FaceBatch, FaceRois, Landmarks, Track, TrackSummary
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces import ShardTracker, arcface_kps, box_from_points

Place = tuple[float, float, float]
"""Centre x, centre y and height of a face."""


def _template() -> F32:
    """Return f32[468, 3]: a face one unit high, its named points where they belong."""
    rng = np.random.default_rng(7)
    angle, radius = rng.uniform(0, 2 * np.pi, 468), np.sqrt(rng.uniform(0, 1, 468))
    x, y = 0.4 * radius * np.cos(angle), 0.5 * radius * np.sin(angle)
    named = {
        10: (0, -0.5), 152: (0, 0.5), 234: (-0.4, 0), 454: (0.4, 0), 127: (-0.39, -0.1),
        356: (0.39, -0.1), 93: (-0.39, 0.1), 323: (0.39, 0.1), 58: (-0.34, 0.25),
        288: (0.34, 0.25), 33: (-0.26, -0.15), 133: (-0.1, -0.14), 362: (0.1, -0.14),
        263: (0.26, -0.15), 4: (0, 0.08), 2: (0, 0.13), 61: (-0.14, 0.25), 291: (0.14, 0.25),
    }  # fmt: skip
    for index, (px, py) in named.items():
        x[index], y[index] = px, py
    depth = -0.35 * np.sqrt(np.clip(1 - (x / 0.42) ** 2 - (y / 0.52) ** 2, 0, 1))
    return np.stack([x, y, depth], axis=1).astype(np.float32)


TEMPLATE = _template()


def mesh_of(place: Place, *, yaw_deg: float = 0.0) -> F32:
    """Return f32[468, 3] of a face at a place, turned about the vertical axis."""
    turn = np.radians(yaw_deg)
    x = TEMPLATE[:, 0] * np.cos(turn) - TEMPLATE[:, 2] * np.sin(turn)
    z = TEMPLATE[:, 0] * np.sin(turn) + TEMPLATE[:, 2] * np.cos(turn)
    mesh = np.stack([x, TEMPLATE[:, 1], z], axis=1) * place[2]
    return (mesh + np.array([place[0], place[1], 0])).astype(np.float32)


@dataclass
class World:
    """What there is to see: faces as functions of the frame number (None: not there)."""

    faces: Sequence[Callable[[int], Place | None]]
    num_frames: int
    cuts: Sequence[int] = ()
    width: int = 320
    height: int = 240

    def visible(self, frame: int) -> dict[int, Place]:
        """Return the faces of a frame; of two in one place, the later one hides the other."""
        there = {i: p for i, face in enumerate(self.faces) if (p := face(frame)) is not None}
        return {
            i: p
            for i, p in there.items()
            if not any(
                j > i and np.hypot(p[0] - q[0], p[1] - q[1]) < 0.5 * max(p[2], q[2])
                for j, q in there.items()
            )
        }

    def batches(self, size: int = 16, first: int = 0) -> Iterator[FrameBatch]:
        for start in range(first, self.num_frames, size):
            numbers = range(start, min(start + size, self.num_frames))
            rgb = np.stack([self.frame(number) for number in numbers])
            yield FrameBatch(rgb, np.array(numbers, np.int64) * 512 + 1000)

    def frame(self, number: int) -> U8:
        shot = sum(number >= cut for cut in self.cuts)
        pattern = np.random.default_rng(shot).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        scale = (-(-self.height // 12), -(-self.width // 16))
        rgb = pattern.repeat(scale[0], axis=0).repeat(scale[1], axis=1)
        rgb = np.ascontiguousarray(rgb[: self.height, : self.width])
        for face, place in self.visible(number).items():
            _draw(rgb, face, place)
        rgb[0, 0] = (number >> 8, number & 255, 0)
        return rgb


def _draw(rgb: U8, face: int, place: Place) -> None:
    """Draw a face's pattern over its box."""
    x, y, size = place
    height, width = rgb.shape[:2]
    left, top = max(int(x - 0.4 * size), 0), max(int(y - 0.5 * size), 0)
    right, bottom = min(int(x + 0.4 * size), width), min(int(y + 0.5 * size), height)
    if left < right and top < bottom:
        look = np.random.default_rng([face, 99]).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        rows = ((np.arange(top, bottom) - y + 0.5 * size) / size * 6).astype(int).clip(0, 5)
        columns = ((np.arange(left, right) - x + 0.4 * size) / size * 7.5).astype(int).clip(0, 5)
        rgb[top:bottom, left:right] = look[rows[:, None], columns]


def _number(rgb: U8) -> int:
    return int(rgb[0, 0, 0]) << 8 | int(rgb[0, 0, 1])


def _empty() -> FaceBatch:
    return FaceBatch(
        np.zeros(0, np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros((0, 5, 2), np.float32),
        np.zeros(0, np.float32),
    )


@dataclass(slots=True)
class FakeDetector:
    world: World
    failing: float = 0.0
    seed: int = 0
    score: float = 0.9
    blind: Callable[[int, int], bool] = lambda frame, face: False
    calls: list[int] = field(default_factory=list)

    def detect(self, rgb: U8) -> FaceBatch:
        assert rgb.shape[0] == 1
        frame = _number(rgb[0])
        self.calls.append(frame)
        rng = np.random.default_rng([self.seed, frame, 1])
        seen = [
            mesh_of(place)
            for face, place in self.world.visible(frame).items()
            if rng.uniform() >= self.failing and not self.blind(frame, face)
        ]
        if not seen:
            return _empty()
        points = np.stack(seen)
        xyxy = box_from_points(points)
        jitter = rng.normal(0, 0.02, xyxy.shape) * (xyxy[:, 3:] - xyxy[:, 1:2])
        return FaceBatch(
            np.zeros(len(seen), np.int64),
            (xyxy + jitter).astype(np.float32),
            arcface_kps(points),
            np.full(len(seen), self.score, np.float32),
        )


@dataclass(slots=True)
class FakeLandmarker:
    world: World
    failing: float = 0.0
    seed: int = 0
    blind: Callable[[int, int], bool] = lambda frame, face: False
    calls: list[int] = field(default_factory=list)

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        frame = _number(rgb)
        self.calls.append(len(rois))
        rng = np.random.default_rng([self.seed, frame, len(self.calls)])
        points = np.zeros((len(rois), 468, 3), np.float32)
        presence = np.full(len(rois), 0.01, np.float32)
        for i in range(len(rois)):
            place = self._nearest(frame, rois.center[i], float(rois.size_px[i]))
            points[i] = mesh_of((*(float(c) for c in rois.center[i]), float(rois.size_px[i])))
            if place is not None and rng.uniform() >= self.failing:
                noise = rng.normal(0, 0.003 * place[2], (468, 3))
                points[i] = (mesh_of(place) + noise).astype(np.float32)
                presence[i] = 0.95
        return Landmarks(points, presence)

    def _nearest(self, frame: int, center: F32, size: float) -> Place | None:
        fits = [
            (float(np.hypot(p[0] - center[0], p[1] - center[1])), p)
            for face, p in self.world.visible(frame).items()
            if 0.8 < size / p[2] < 3 and not self.blind(frame, face)
        ]
        near = [fit for fit in fits if fit[0] < 0.4 * size]
        return min(near)[1] if near else None


LEFT, RIGHT = (100, 100, 180, 200), (400, 100, 480, 200)


def look(person: int, jitter: int = 0, noise: float = 0.06) -> np.ndarray:
    """Return a unit vector near the person's own."""
    own = np.random.default_rng(person).normal(0, 1, 64)
    vector = own / np.linalg.norm(own)
    vector = vector + np.random.default_rng([person, jitter + 1]).normal(0, noise, 64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def summary(
    name: str,
    start: int,
    stop: int,
    person: int | None = None,
    *,
    box: Sequence[float] = LEFT,
    last_box: Sequence[float] | None = None,
    shard: int = 0,
    views: int = 4,
    frontal: Sequence[bool] | None = None,
    age: Sequence[float] | None = None,
    female: Sequence[float] | None = None,
    weight: Sequence[float] | None = None,
) -> TrackSummary:
    views = 0 if person is None else views
    looks = [look(person or 0, start + i) for i in range(views)]
    return TrackSummary(
        track_id=name,
        shard_index=shard,
        start_pts=start * 512,
        last_pts=(stop - 1) * 512,
        first_xyxy=np.array(box, np.float32),
        last_xyxy=np.array(last_box or box, np.float32),
        num_frames=stop - start,
        median_face_px=80.0,
        mean_det_score=0.9,
        embeddings=np.array(looks, np.float32).reshape(views, 64),
        view_weight=np.array(weight if weight is not None else [1.0] * views, np.float32),
        view_frontal=np.array(frontal if frontal is not None else [True] * views, np.bool_),
        view_age_years=np.array(age if age is not None else [30.0] * views, np.float32),
        view_female=np.array(female if female is not None else [0.9] * views, np.float32),
        source=None,
    )


class Fakes:
    """What the tests take from here: one object, as a fixture."""

    World = World
    Detector = FakeDetector
    Landmarker = FakeLandmarker
    mesh_of = staticmethod(mesh_of)
    summary = staticmethod(summary)
    look = staticmethod(look)
    LEFT = LEFT
    RIGHT = RIGHT

    @staticmethod
    def track(
        world: World,
        detector: FakeDetector | None = None,
        landmarker: FakeLandmarker | None = None,
        *,
        second: FakeDetector | None = None,
        detect_every: int = 5,
        batch: int = 16,
    ) -> tuple[Track, ...]:
        tracker = ShardTracker(
            detector or FakeDetector(world),
            landmarker or FakeLandmarker(world),
            shard_id="shard",
            detect_every=detect_every,
            second=second,
        )
        for frames in world.batches(batch):
            tracker.push(frames)
        return tracker.finish()

    @staticmethod
    def still_track(
        points: F32, presence: F32 | None = None, *, first: int = 0, name: str = "t"
    ) -> Track:
        """Return a track made of meshes f32[T, 468, 3]."""
        t = len(points)
        return Track(
            track_id=name,
            pts=np.arange(first, first + t, dtype=np.int64),
            xyxy=box_from_points(points) + np.array([0, 0, 1e-3, 1e-3], np.float32),
            points=points,
            presence=np.ones(t, np.float32) if presence is None else presence,
            det_score=np.zeros(t, np.float32),
            origin=np.ones(t, np.uint8),
        )


@pytest.fixture
def fakes() -> type[Fakes]:
    return Fakes
