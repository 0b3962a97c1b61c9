"""Measure the best looks at each track while their frames are at hand: embedding, age, gender,
and the mean face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8, HeadView, Landmarks, Track, TrackSummary
from fsp_ray.core.protocols import Models
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces import BestViews, Observation, View, box_from_points
from fsp_ray.stages.head_views import cut_head, pick_views
from fsp_ray.synthesis import SourceFaceBuilder

_CROP_PX: Final = 96  # a face is judged at one size, or large ones would count as blurred


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    embedding: F32
    age_years: float
    female: float


@dataclass(slots=True, eq=False)
class _Readings:
    """What was measured of one track."""

    by_pts: dict[int, _Reading] = field(default_factory=dict[int, _Reading])
    heads: dict[int, HeadView] = field(default_factory=dict[int, HeadView])
    builder: SourceFaceBuilder = field(default_factory=SourceFaceBuilder)


class ViewMeasurer:
    """Chooses and measures views batch by batch, and sums tracks up in the end."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._views = BestViews()
        self._readings: dict[str, _Readings] = {}

    def add(self, batch: FrameBatch, observations: Sequence[Observation]) -> None:
        """Measure what is worth it among the faces seen in a batch."""
        sharpness = [_sharpness(batch.rgb[o.frame], o.points) for o in observations]
        by_frame: dict[int, list[View]] = {}
        for view in self._views.choose(observations, sharpness):
            by_frame.setdefault(view.observation.frame, []).append(view)
        for frame, views in by_frame.items():
            self._measure(batch.rgb[frame], views)
        for track_id in {o.track_id for o in observations} & self._readings.keys():
            self._drop_heads(track_id)

    def head_views(self, track_id: str) -> tuple[HeadView, ...]:
        """Return a few good looks at a track's head, unlike one another, the best one first."""
        readings = self._readings.get(track_id)
        return pick_views(list(readings.heads.values())) if readings else ()

    def summary(self, track: Track, shard_index: int) -> TrackSummary:
        """Sum a track up."""
        readings = self._readings.get(track.track_id, _Readings())
        views = [
            v for v in self._views.kept(track.track_id) if v.observation.pts in readings.by_pts
        ]
        read = [readings.by_pts[v.observation.pts] for v in views]
        detected = track.det_score[track.det_score > 0]
        size = (track.xyxy[:, 2:] - track.xyxy[:, :2]).max(axis=1)
        return TrackSummary(
            track_id=track.track_id,
            shard_index=shard_index,
            start_pts=int(track.pts[0]),
            last_pts=int(track.pts[-1]),
            first_xyxy=track.xyxy[0],
            last_xyxy=track.xyxy[-1],
            num_frames=len(track),
            median_face_px=float(np.median(size)),
            mean_det_score=float(detected.mean()) if len(detected) else 0.0,
            embeddings=_stack([r.embedding for r in read], self._models.matcher.dimensions),
            view_weight=np.array([v.weight for v in views], np.float32),
            view_frontal=np.array([v.frontal for v in views], np.bool_),
            view_age_years=np.array([r.age_years for r in read], np.float32),
            view_female=np.array([r.female for r in read], np.float32),
            source=readings.builder.build(),
        )

    def _measure(self, rgb: U8, views: Sequence[View]) -> None:
        points = np.stack([view.observation.points for view in views])
        presence = np.array([view.observation.presence for view in views], np.float32)
        landmarks = Landmarks(points, presence)
        embeddings = self._models.matcher.embed(rgb, landmarks)
        attributes = self._models.attributes.estimate(rgb, landmarks)
        for n, view in enumerate(views):
            seen = view.observation
            readings = self._readings.setdefault(seen.track_id, _Readings())
            readings.by_pts[seen.pts] = _Reading(
                embeddings[n],
                float(attributes.age_years[n]),
                float(attributes.female_probability[n]),
            )
            head = cut_head(rgb, seen.points, view.weight)
            if head is not None:
                readings.heads[seen.pts] = head
            if view.frontal:  # side views are kept out of what is averaged
                readings.builder.add(rgb, seen.points, view.weight)

    def _drop_heads(self, track_id: str) -> None:
        """Forget the pictures of views that better ones pushed out: they are large."""
        kept = {view.observation.pts for view in self._views.kept(track_id)}
        heads = self._readings[track_id].heads
        for pts in heads.keys() - kept:
            del heads[pts]


def _sharpness(rgb: U8, points: F32) -> float:
    """Return the mean size of the Laplacian inside of a face's box, at one size for all."""
    height, width = rgb.shape[:2]
    x1, y1, x2, y2 = box_from_points(points[None])[0]
    left, top = int(np.clip(x1, 0, width - 1)), int(np.clip(y1, 0, height - 1))
    right, bottom = int(np.clip(x2, left + 1, width)), int(np.clip(y2, top + 1, height))
    grey = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    crop = cv2.resize(grey, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA)
    return float(np.abs(cv2.Laplacian(crop, cv2.CV_32F)).mean())


def _stack(vectors: Sequence[F32], dimensions: int) -> F32:
    return np.stack(vectors) if vectors else np.zeros((0, dimensions), np.float32)
