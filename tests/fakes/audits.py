"""Models that see what a test tells them, and audits of made clips by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fsp_ray.audit import Auditor
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8, Attributes, FaceBatch, FaceRois, Landmarks, Person
from fsp_ray.core.protocols import FaceSwapper
from fsp_ray.stages.audit_shard import audit_shard
from fsp_ray.stages.judge_video import ChangeFaces, judge_video
from fsp_ray.stages.rehearse_shard import rehearse_shard
from fsp_ray.stages.results import (
    AuditedShard,
    DrawnVideo,
    JudgedVideo,
    RehearsedShard,
    RenderedShard,
)
from fsp_ray.synthesis import load_topology
from tests.fakes.shards import Staged

AUDITOR = Auditor("paint (fake 1.0)", threshold=0.005, caution=0.006)

Boxes = Callable[[U8], Sequence[tuple[float, float, float, float]]]


def nothing(rgb: U8) -> Sequence[tuple[float, float, float, float]]:
    return ()


@dataclass
class BoxDetector:
    """Finds the boxes that a function of the frame names, all with one score."""

    boxes: Boxes = nothing
    score: float = 0.9
    calls: int = 0

    def detect(self, rgb: U8) -> FaceBatch:
        self.calls += len(rgb)
        found = [(n, box) for n, frame in enumerate(rgb) for box in self.boxes(frame)]
        m = len(found)
        xyxy = np.array([box for _, box in found], np.float32).reshape(m, 4)
        return FaceBatch(
            np.array([n for n, _ in found], np.int64),
            xyxy,
            np.repeat(((xyxy[:, :2] + xyxy[:, 2:]) / 2)[:, None], 5, axis=1),
            np.full(m, self.score, np.float32),
        )


class MeanLandmarker:
    """Sees the mean face in every ROI, if it is told to."""

    def __init__(self, presence: float = 1.0) -> None:
        self.presence = presence

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        shape = load_topology().mean_shape
        unit = shape / np.ptp(shape[:, 0])
        points = unit[None] * (rois.size_px[:, None, None] / 1.5)
        points[:, :, :2] += rois.center[:, None]
        return Landmarks(points.astype(np.float32), np.full(len(rois), self.presence, np.float32))


@dataclass
class ColourEmbedder:
    """Knows faces by their colour, relative to grey: unit vectors f32[3]."""

    dimensions: int = 3
    same_person_distance: float = 0.1
    always: bool = False
    """Says that everybody is the same person."""
    match: float = 0.1
    """Distance under which two faces match; under 0, no two ever do."""

    def match_distance(self, far: float) -> float:
        return self.match

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        vectors = [self._one(rgb, points) for points in landmarks.points]
        return np.array(vectors, np.float32).reshape(len(vectors), 3)

    def _one(self, rgb: U8, points: F32) -> F32:
        if self.always:
            return np.array([1, 0, 0], np.float32)
        x, y = points[:, :2].mean(axis=0).round().astype(int)
        around = rgb[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4].reshape(-1, 3)
        vector = around.mean(axis=0) - around.mean() + [1e-3, 0, 0]
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


class PlainAttributes:
    """Reads everybody as a woman of 40."""

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        m = len(landmarks)
        return Attributes(np.full(m, 40, np.float32), np.full(m, 0.9, np.float32))


@dataclass
class FakeModels:
    """A pack of fakes."""

    detector: BoxDetector = field(default_factory=BoxDetector)
    recall_detector: BoxDetector = field(default_factory=BoxDetector)
    second_detector: BoxDetector = field(default_factory=BoxDetector)
    landmarker: MeanLandmarker = field(default_factory=MeanLandmarker)
    matcher: ColourEmbedder = field(default_factory=lambda: ColourEmbedder(match=-0.5))
    auditor: ColourEmbedder = field(default_factory=ColourEmbedder)
    attributes: PlainAttributes = field(default_factory=PlainAttributes)

    @property
    def judges(self) -> tuple[ColourEmbedder, ...]:
        return (self.matcher,)


def audit(
    clip: Staged, models: FakeModels | None = None, *, index: int = 0, rounds: int = 0
) -> AuditedShard:
    """Audit one rendered shard of a staged clip."""
    return audit_shard(
        clip.planned.source.media,
        clip.planned.info,
        clip.planned.shards[index],
        clip.staging,
        models=models or FakeModels(),  # type: ignore[arg-type]
        settings=clip.settings,
        rounds=rounds,
    )


def rehearse(
    clip: Staged,
    swapper: FaceSwapper,
    models: FakeModels | None = None,
    *,
    index: int = 0,
    rounds: int = 0,
) -> RehearsedShard:
    """Rehearse one shard of a staged clip."""
    return rehearse_shard(
        clip.planned.source.media,
        clip.planned.info,
        clip.planned.shards[index],
        clip.staging,
        models=models or FakeModels(),  # type: ignore[arg-type]
        settings=clip.settings,
        swapper=swapper,
        rounds=rounds,
    )


def judge(
    clip: Staged,
    persons: Sequence[Person],
    rendered: Sequence[RenderedShard] = (),
    *,
    rounds: int = 0,
    settings: RunSettings | None = None,
    change_faces: ChangeFaces | None = None,
    auditor: Auditor = AUDITOR,
    rehearsed: bool = False,
) -> JudgedVideo:
    """Judge a clip all of whose shards are audited, or rehearsed."""
    drawn = DrawnVideo(clip.planned, tuple(persons), tuple(rendered), rounds, rehearsed)
    return judge_video(
        drawn,
        clip.staging,
        settings=settings or clip.settings,
        auditor=auditor,
        change_faces=change_faces,
    )
