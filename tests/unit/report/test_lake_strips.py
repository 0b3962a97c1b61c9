"""Strips of a whole lake: one for each published video, none for the others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsp_ray.core.errors import SettingsError
from fsp_ray.core.ids import video_id
from fsp_ray.lake import Lake
from fsp_ray.report import lake_strips
from fsp_ray.video.sample import write_sample


def _row(path: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "video_id": video_id(path),
        "source_path": path,
        "source_uri": path,
        "status": "published",
        "fingerprint": "1",
        "pack": "open",
        "settings_hash": "0",
        "run_id": "run",
        "finished_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    published = {
        "duration_s": 1.0,
        "num_frames": 4,
        "width": 64,
        "height": 48,
        "frame_rate": 4.0,
        "has_audio": False,
        "num_persons": 0,
        "num_faces": 0,
        "covered_faces": 0,
        "sha256": "0" * 64,
    }
    return row | changes | (published if "published_uri" in changes else {})


@pytest.fixture
def clip(tmp_path: Path) -> str:
    path = tmp_path / "clip.mp4"
    write_sample(path, (np.full((48, 64, 3), i, np.uint8) for i in range(4)), frame_rate=4)
    return str(path)


def test_published_videos_get_a_picture(clip: str, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    rows = [
        _row("a/x.mp4", source_uri=clip, published_uri=clip),
        _row("b.mov", source_uri=clip, published_uri=clip),
        _row("c.mp4", status="failed", reason="empty: no bytes."),
    ]
    Lake.create(lake).commit(videos=rows)
    pictures = list(lake_strips(lake, tmp_path / "out", every_s=0.5))
    assert pictures == [tmp_path / "out" / name for name in ("a/x.mp4.png", "b.mov.png")]
    assert all(picture.stat().st_size > 500 for picture in pictures)


def test_a_video_in_a_bucket_is_said(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    uri = "s3://bucket/x.mp4"
    Lake.create(lake).commit(videos=[_row("x.mp4", source_uri=uri, published_uri=uri)])
    with pytest.raises(SettingsError, match="s3://bucket"):
        list(lake_strips(lake, tmp_path / "out"))
