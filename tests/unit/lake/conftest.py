"""Rows that fit the tables, and a fresh lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fsp_ray.core import ids
from fsp_ray.core.ages import age_group
from fsp_ray.lake import Lake

Row = dict[str, object]
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(str(tmp_path / "lake"))


@pytest.fixture
def video_row() -> Callable[..., Row]:
    def make(path: str, run: str = "r1", **changes: object) -> Row:
        return {
            "video_id": ids.video_id(path),
            "source_path": path,
            "source_uri": f"/source/{path}",
            "published_uri": f"/lake/videos/{path}",
            "status": "published",
            "reason": "",
            "fingerprint": "sha256:0",
            "pack": "open",
            "settings_hash": "0" * 16,
            "run_id": run,
            "finished_at": NOW,
            "recorded_on": "2026-03-01T09:00:00Z",
            "duration_s": 2.0,
            "num_frames": 50,
            "width": 320,
            "height": 240,
            "frame_rate": 25.0,
            "has_audio": False,
            "num_persons": 1,
            "num_faces": 50,
            "covered_faces": 0,
            "sha256": "0" * 64,
        } | changes

    return make


@pytest.fixture
def failed_row() -> Callable[..., Row]:
    def make(path: str, run: str = "r1", **changes: object) -> Row:
        return {
            "video_id": ids.video_id(path),
            "source_uri": f"/source/{path}",
            "status": "failed",
            "reason": "not_a_video: It is a picture.",
            "fingerprint": "sha256:0",
            "pack": "open",
            "settings_hash": "0" * 16,
            "run_id": run,
            "finished_at": NOW,
        } | changes

    return make


@pytest.fixture
def person_row() -> Callable[..., Row]:
    def make(path: str, number: int = 0, run: str = "r1", **changes: object) -> Row:
        age = float(changes.pop("age_years", 30.0))  # type: ignore[arg-type]
        return {
            "video_id": ids.video_id(path),
            "run_id": run,
            "person_id": ids.person_id(ids.video_id(path), number),
            "first_seen_s": 0.0,
            "last_seen_s": 2.0,
            "visible_s": 2.0,
            "num_frames": 50,
            "age_years": age,
            "age_group": age_group(age),
            "gender": "female",
            "gender_confidence": 0.9,
            "median_face_px": 64.0,
            "replaced": "synthetic",
        } | changes

    return make


@pytest.fixture
def track_row() -> Callable[..., Row]:
    def make(path: str, number: int = 0, run: str = "r1", **changes: object) -> Row:
        video = ids.video_id(path)
        return {
            "video_id": video,
            "run_id": run,
            "track_id": ids.track_id(ids.shard_id(video, 0), number),
            "person_id": ids.person_id(video, 0),
            "start_s": 0.0,
            "end_s": 2.0,
            "num_frames": 50,
            "swapped_frames": 48,
            "covered_frames": 2,
            "interpolated_frames": 1,
            "mean_det_score": 0.9,
            "median_face_px": 64.0,
        } | changes

    return make


@pytest.fixture
def audit_row() -> Callable[..., Row]:
    def make(path: str, number: int = 0, run: str = "r1", **changes: object) -> Row:
        return {
            "video_id": ids.video_id(path),
            "run_id": run,
            "person_id": ids.person_id(ids.video_id(path), number),
            "verdict": "pass",
            "retries": 0,
            "distance_mean": 0.8,
            "distance_min": 0.6,
            "threshold": 0.4,
            "matched_frames": 0,
            "rank_1": False,
            "detected_after": 1.0,
            "age_years_after": 31.0,
            "gender_after": "female",
            "leaked_frames": 0,
            "auditor": "open",
        } | changes

    return make


@pytest.fixture
def run_row() -> Callable[..., Row]:
    def make(run: str = "r1", **changes: object) -> Row:
        return {
            "run_id": run,
            "started_at": NOW,
            "source": "/source",
            "pack": "open",
            "licence": "Apache-2.0",
            "settings": {"pack": "open", "crf": 18},
            "version": "0.1.0",
            "published": 0,
            "unchanged": 0,
            "quarantined": 0,
            "failed": 0,
            "frames": 0,
            "faces": 0,
        } | changes

    return make
