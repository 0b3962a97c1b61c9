"""How long Ray may see nothing come out of a step, and what is said when that is over."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from ray.data.exceptions import ExecutionTimeoutError

from fsp_ray.core.config import RunSettings
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake import SourceVideo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.raydata import graph
from fsp_ray.raydata.graph import patience_s, run_actors, run_tasks
from fsp_ray.raydata.resources import ClusterError, Share
from fsp_ray.raydata.rows import to_row
from fsp_ray.raydata.workers import Analyser, RunContext, ShardTask, plan_row
from fsp_ray.stages.results import DrawnVideo, Failure, PlannedVideo

CONTEXT = RunContext("r", "/lake", "/staging", RunSettings(), b"s", Share(2, 0.5, 0.25))
MEDIA = LocalMedia("/a.mp4", "/a.mp4")


def _planned(num_frames: int) -> PlannedVideo:
    info = VideoInfo(
        video_id="v",
        uri="/a.mp4",
        width=64,
        height=48,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        num_frames=num_frames,
        start_pts=0,
        stop_pts=num_frames,
        codec="h264",
    )
    shard = Shard("s", "v", 0, 0, num_frames, num_frames)
    return PlannedVideo(_source(1), info, (shard,))


def _source(size_bytes: int) -> SourceVideo:
    return SourceVideo("a.mp4", "v", "/a.mp4", size_bytes, "f", "s", MEDIA)


def _task(num_frames: int) -> ShardTask:
    planned = _planned(num_frames)
    return ShardTask(MEDIA, planned.info, planned.shards[0])


def test_the_longest_piece_of_work_decides() -> None:
    little, hours = _task(100), _task(50_000)  # ten minutes with a single keyframe
    assert patience_s([little, hours], 300) == patience_s([hours], 300)
    assert patience_s([hours], 300) - patience_s([little], 300) > 50_000
    for long, short in (
        (_source(10 << 30), _source(10)),
        (_planned(50_000), _planned(10)),
        (DrawnVideo(_planned(50_000), (), ()), DrawnVideo(_planned(10), (), ())),
    ):
        assert patience_s([long], 300) > patience_s([short], 300) + 3600


def test_a_worker_that_hangs_is_found_out_by_itself_before_ray_gives_up() -> None:
    assert patience_s([_task(1)], 300) > 3 * 1.1 * 300


class FakeDataset:
    """Gives some rows, then what is not a row is raised."""

    def __init__(self, *rows: object) -> None:
        self.context = SimpleNamespace(execution_no_progress_timeout_s=0.0)
        self.rows = rows

    def iter_rows(self) -> Iterator[Any]:
        for row in self.rows:
            if isinstance(row, Exception):
                raise row
            yield to_row(row)


def test_a_cluster_that_stands_still_ends_the_run_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = FakeDataset(Failure("v", "decode_error: x"), ExecutionTimeoutError("no progress"))
    monkeypatch.setattr(graph, "_map", lambda *_, **__: dataset)
    results = run_tasks([_source(1)], plan_row, CONTEXT)
    assert next(results) == Failure("v", "decode_error: x")
    with pytest.raises(ClusterError, match="nothing was done for 30 minutes") as caught:
        next(results)
    assert "run again" in caught.value.advice
    assert dataset.context.execution_no_progress_timeout_s == patience_s([_source(1)], 300)


def test_workers_take_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def ask(_: object, __: object, **options: Any) -> FakeDataset:
        asked.update(options)
        return FakeDataset()

    monkeypatch.setattr(graph, "_map", ask)
    assert list(run_actors([_task(1)] * 5, Analyser, CONTEXT, workers=2)) == []
    assert (asked["num_cpus"], asked["num_gpus"]) == (0.5, 0.25)
    assert asked["compute"].max_size == 2
    assert list(run_tasks([_source(1)], plan_row, CONTEXT)) == []
    assert asked["num_cpus"] == 1


def test_no_items_need_no_ray() -> None:
    assert list(run_tasks([], plan_row, CONTEXT)) == []
    assert list(run_actors([], Analyser, CONTEXT, workers=2)) == []
