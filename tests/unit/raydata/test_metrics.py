"""What is counted of a run, and that nothing of anybody becomes a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fsp_ray.core.errors import FailureReason
from fsp_ray.lake import SourceVideo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.raydata import metrics
from fsp_ray.stages.results import AnalysedShard, Failure, JudgedVideo, VideoResult

Seen = Counter[tuple[str, ...]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Sums, by the metric's name and its labels' values."""
    counted: Seen = Counter()

    class Meter:
        def __init__(self, name: str, *_: object) -> None:
            self.name = name

        def inc(self, value: float = 1, tags: dict[str, str] | None = None) -> None:
            counted[(self.name, *(tags or {}).values())] += value  # type: ignore[assignment]

        observe: Callable[..., None] = inc

    for kind in ("_counter", "_gauge", "_histogram"):
        monkeypatch.setattr(metrics, kind, Meter)
    return counted


def test_a_shard_counts_its_frames_and_what_its_parts_took(seen: Seen) -> None:
    metrics.count(AnalysedShard("s", "v", 30, 1, {"decode": 0.5, "track": 1.5}))
    metrics.count(AnalysedShard("t", "v", 12, 1, {}))  # a receipt
    assert seen == {
        ("fsp_frames", "analyse"): 42,
        ("fsp_shard_seconds", "analyse"): 2,
        ("fsp_stage_seconds", "decode"): 0.5,
        ("fsp_stage_seconds", "track"): 1.5,
    }


def test_every_step_counts_its_seconds(seen: Seen) -> None:
    metrics.count(JudgedVideo("v", 1, frozenset(), {"judge": 0.25}))
    assert seen == {("fsp_stage_seconds", "judge"): 0.25}


@pytest.mark.parametrize("reason", list(FailureReason))
def test_a_failure_counts_by_its_word_alone(reason: FailureReason, seen: Seen) -> None:
    metrics.count(Failure("v", f"{reason}: /archive/Jane Doe.mp4 is no video."))
    assert seen == {("fsp_failures", str(reason)): 1}


def test_what_is_no_word_of_ours_is_no_label(seen: Seen) -> None:
    metrics.count(Failure("v", "Jane Doe.mp4: is no video."))
    assert seen == {("fsp_failures", "worker_error"): 1}


def _result(status: Any, **columns: Any) -> VideoResult:
    media = LocalMedia("/a.mp4", "/a.mp4")
    source = SourceVideo("a.mp4", "v", "/a.mp4", 1, "f", "s", media)
    return VideoResult(source, status, "", columns)


def test_videos_count_by_status_and_faces_where_they_are_published(seen: Seen) -> None:
    metrics.count_videos(
        [
            _result("published", num_faces=7, duration_s=2.5),
            _result("published", num_faces=0, duration_s=1.5),
            _result("quarantined", num_faces=3),
            _result("failed"),
        ]
    )
    assert seen == {
        ("fsp_videos", "published"): 2,
        ("fsp_videos", "quarantined"): 1,
        ("fsp_videos", "failed"): 1,
        ("fsp_faces",): 7,
        ("fsp_video_length_seconds",): 4,
    }


def test_without_a_ray_nothing_is_counted_and_nothing_breaks() -> None:
    metrics.count(AnalysedShard("s", "v", 30, 1, {"decode": 0.5}))
    metrics.set_workers(2)
