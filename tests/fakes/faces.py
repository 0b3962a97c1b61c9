"""Faces made of noise: the right shapes, nobody's."""

from __future__ import annotations

import numpy as np

from fsp_ray.core.face_types import SourceFace, SyntheticFace, Track, TrackSummary


def make_track(
    track_id: str = "v-00000-t0000",
    *,
    pts: range = range(10),
    xyxy: tuple[float, float, float, float] = (10, 10, 50, 60),
    seed: int = 0,
) -> Track:
    rng = np.random.default_rng(seed)
    n = len(pts)
    return Track(
        track_id=track_id,
        pts=np.asarray(pts, np.int64),
        xyxy=np.tile(np.float32(xyxy), (n, 1)),
        points=rng.uniform(10, 50, (n, 468, 3)).astype(np.float32),
        presence=np.ones(n, np.float32),
        det_score=np.full(n, 0.9, np.float32),
        origin=np.zeros(n, np.uint8),
    )


def make_source(*, num_views: int = 3, seed: int = 0) -> SourceFace:
    rng = np.random.default_rng(seed)
    return SourceFace(
        shape=rng.normal(size=(468, 3)).astype(np.float32),
        texture=rng.integers(0, 256, (256, 256, 3), np.uint8),
        weight=rng.uniform(size=(256, 256)).astype(np.float32),
        num_views=num_views,
    )


def make_synthetic(person_id: str = "v-p0000", *, seed: int = 0) -> SyntheticFace:
    rng = np.random.default_rng(seed)
    return SyntheticFace(
        person_id=person_id,
        texture=rng.integers(0, 256, (256, 256, 3), np.uint8),
        shape=rng.normal(size=(468, 3)).astype(np.float32),
        age_years=33.5,
        gender="female",
    )


def make_summary(
    track_id: str = "v-00000-t0000",
    *,
    shard_index: int = 0,
    start_pts: int = 0,
    last_pts: int = 9,
    first_xyxy: tuple[float, float, float, float] = (10, 10, 50, 60),
    last_xyxy: tuple[float, float, float, float] = (10, 10, 50, 60),
    source: SourceFace | None = None,
    seed: int = 0,
) -> TrackSummary:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(4, 128)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return TrackSummary(
        track_id=track_id,
        shard_index=shard_index,
        start_pts=start_pts,
        last_pts=last_pts,
        first_xyxy=np.float32(first_xyxy),
        last_xyxy=np.float32(last_xyxy),
        num_frames=last_pts - start_pts + 1,
        median_face_px=50.0,
        mean_det_score=0.9,
        embeddings=embeddings,
        view_weight=np.ones(4, np.float32),
        view_frontal=np.ones(4, np.bool_),
        view_age_years=np.full(4, 33, np.float32),
        view_female=np.full(4, 0.9, np.float32),
        source=source,
    )
