"""One wave: plan, analyse, resolve, render, audit and finish some videos; each gets a result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fsp_ray.core.errors import FailureReason
from fsp_ray.core.progress import Phase
from fsp_ray.lake import SourceVideo
from fsp_ray.raydata.graph import run_actors, run_tasks
from fsp_ray.raydata.workers import (
    Analyser,
    Renderer,
    RunContext,
    ShardTask,
    finish_row,
    judge_row,
    plan_row,
    resolve_row,
)
from fsp_ray.stages.results import (
    AnalysedShard,
    DrawnVideo,
    Failure,
    JudgedVideo,
    PlannedVideo,
    RenderedShard,
    ResolvedVideo,
    VideoResult,
)
from fsp_ray.stages.rows import video_row
from fsp_ray.stages.timing import add_seconds

T = TypeVar("T", AnalysedShard, RenderedShard)

LOST = (
    f"{FailureReason.WORKER}: a worker died on this video, and again when it was retried. "
    "Run again; if it stays, leave the file out and report it."
)

Report = Callable[[Phase, int, int], None]
"""Called as shards are done: (phase, shards, frames), both counted since the last call."""


class Wave:
    """The videos under way at once, and what became of each."""

    def __init__(self, context: RunContext, *, workers: int, report: Report) -> None:
        self._context = context
        self._workers = workers
        self._report = report
        self._failures: dict[str, Failure] = {}
        self.seconds: dict[str, float] = {}

    def plan(self, sources: Sequence[SourceVideo]) -> list[PlannedVideo]:
        """Probe and cut the videos; those that can't be done are kept as failures."""
        planned: dict[str, PlannedVideo] = {
            item.source.video_id: item
            for item in self._kept(run_tasks(sources, plan_row, self._context))
        }
        return [planned[v] for v in self._alive([source.video_id for source in sources], planned)]

    def run(
        self, sources: Sequence[SourceVideo], planned: Sequence[PlannedVideo]
    ) -> list[VideoResult]:
        """Do the planned videos, and return a result for every source video of the wave."""
        planned = self._analyse(planned)
        persons = {
            item.video_id: item
            for item in self._timed(run_tasks(planned, resolve_row, self._context))
        }
        planned = self._still(planned, persons)
        finished = self._finish(self._draw(planned, persons))
        return [finished.get(source.video_id) or self._failed(source) for source in sources]

    def _analyse(self, planned: Sequence[PlannedVideo]) -> list[PlannedVideo]:
        shards = _shard_tasks(planned)
        found = run_actors(shards, Analyser, self._context, workers=self._workers)
        done = self._by_video("analyse", self._timed(found))
        return self._still(planned, _complete(planned, done))

    def _draw(
        self, planned: Sequence[PlannedVideo], persons: Mapping[str, ResolvedVideo]
    ) -> list[DrawnVideo]:
        """Render, audit and judge until the audit is through with every video.

        Each round draws again only what the one before did not pass. The judge puts an end to it.
        """
        drawn = self._render_all(planned, persons)
        through: list[DrawnVideo] = []
        while drawn:
            judged = self._judge(drawn)
            drawn = [
                replace(video, rounds=judged[video.video_id].rounds)
                for video in drawn
                if video.video_id in judged
            ]
            through += [video for video in drawn if not judged[video.video_id].again]
            drawn = self._render_again([v for v in drawn if judged[v.video_id].again], judged)
        return through

    def _render_all(
        self, planned: Sequence[PlannedVideo], persons: Mapping[str, ResolvedVideo]
    ) -> list[DrawnVideo]:
        shards = _shard_tasks(planned)
        made = run_actors(shards, Renderer, self._context, workers=self._workers)
        rendered = self._by_video("render", self._timed(made))
        return [
            DrawnVideo(item, persons[video_id].persons, tuple(rendered[video_id]))
            for item in self._still(planned, _complete(planned, rendered))
            for video_id in [item.info.video_id]
        ]

    def _judge(self, drawn: Sequence[DrawnVideo]) -> dict[str, JudgedVideo]:
        judged = self._timed(run_tasks(drawn, judge_row, self._context))
        by_id: dict[str, JudgedVideo] = {item.video_id: item for item in judged}
        alive = set(self._alive([video.video_id for video in drawn], by_id))
        return {video_id: item for video_id, item in by_id.items() if video_id in alive}

    def _render_again(
        self, drawn: Sequence[DrawnVideo], judged: Mapping[str, JudgedVideo]
    ) -> list[DrawnVideo]:
        """Render the shards that the judge sent back, and put them in the place of the old ones."""
        shards = [
            replace(task, rounds=judged[task.shard.video_id].rounds)
            for task in _shard_tasks([video.planned for video in drawn])
            if task.shard.shard_id in judged[task.shard.video_id].again
        ]
        made = self._timed(run_actors(shards, Renderer, self._context, workers=self._workers))
        fresh: dict[str, RenderedShard] = {shard.shard_id: shard for shard in made}
        missed = {s.shard.video_id for s in shards if s.shard.shard_id not in fresh}
        video_ids = [video.video_id for video in drawn]
        alive = set(self._alive(video_ids, set(video_ids) - missed))
        return [
            replace(video, rendered=tuple(fresh.get(s.shard_id, s) for s in video.rendered))
            for video in drawn
            if video.video_id in alive
        ]

    def _finish(self, drawn: Sequence[DrawnVideo]) -> dict[str, VideoResult]:
        results = self._timed(run_tasks(drawn, finish_row, self._context))
        finished: dict[str, VideoResult] = {item.source.video_id: item for item in results}
        self._alive([video.video_id for video in drawn], finished)
        return finished

    def _by_video(self, phase: Phase, shards: Iterable[T]) -> dict[str, list[T]]:
        by_video: defaultdict[str, list[T]] = defaultdict(list)
        for shard in shards:
            by_video[shard.video_id].append(shard)
            self._report(phase, 1, shard.num_frames)
        return by_video

    def _timed(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in self._kept(items):
            add_seconds(self.seconds, item.seconds)
            yield item

    def _kept(self, items: Iterator[Any]) -> Iterator[Any]:
        """Pass results on, and put failures aside: a video's first one is its reason."""
        for item in items:
            if isinstance(item, Failure):
                self._failures.setdefault(item.video_id, item)
            else:
                yield item

    def _alive(self, video_ids: Sequence[str], done: Iterable[str]) -> list[str]:
        """Return the videos that are done and have not failed; those that vanished have now."""
        ids = set(done)
        for video_id in video_ids:
            if video_id not in ids:
                self._failures.setdefault(video_id, Failure(video_id, LOST))
        return [video_id for video_id in video_ids if video_id not in self._failures]

    def _still(self, planned: Sequence[PlannedVideo], done: Iterable[str]) -> list[PlannedVideo]:
        alive = set(self._alive([item.info.video_id for item in planned], done))
        return [item for item in planned if item.info.video_id in alive]

    def _failed(self, source: SourceVideo) -> VideoResult:
        failed = self._failures.get(source.video_id, Failure(source.video_id, LOST))
        row = video_row(
            source,
            self._context.settings,
            self._context.run_id,
            status="failed",
            reason=failed.reason,
        )
        return VideoResult(source, "failed", failed.reason, row)


def _shard_tasks(planned: Sequence[PlannedVideo]) -> list[ShardTask]:
    """Return all shards, the longest first, so that none is left over for one worker alone."""
    tasks = [
        ShardTask(item.source.media, item.info, shard) for item in planned for shard in item.shards
    ]
    return sorted(
        tasks,
        key=lambda task: task.shard.num_frames * task.info.width * task.info.height,
        reverse=True,
    )


def _complete(planned: Sequence[PlannedVideo], done: dict[str, list[T]]) -> set[str]:
    """Return the videos all of whose shards are there."""
    return {
        item.info.video_id
        for item in planned
        if {shard.shard_id for shard in item.shards}
        == {shard.shard_id for shard in done.get(item.info.video_id, ())}
    }
