"""One wave: some videos, from the plan to what is published; each of them gets a result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from fsp_ray.core.errors import FailureReason
from fsp_ray.core.progress import Phase
from fsp_ray.lake import SourceVideo
from fsp_ray.raydata.graph import RowWorker, run_actors, run_tasks
from fsp_ray.raydata.workers import (
    Analyser,
    Rehearser,
    Renderer,
    RunContext,
    ShardTask,
    finish_row,
    judge_row,
    plan_row,
    resolve_row,
)
from fsp_ray.stages.results import (
    DrawnVideo,
    Failure,
    JudgedVideo,
    PlannedVideo,
    RehearsedShard,
    RenderedShard,
    ResolvedVideo,
    VideoResult,
)
from fsp_ray.stages.rows import video_row
from fsp_ray.stages.timing import add_seconds

DrawnShard = RehearsedShard | RenderedShard

LOST = (
    f"{FailureReason.WORKER}: a worker died on this video, and again when it was retried. "
    "Run again; if it stays, leave the file out and report it."
)

Report = Callable[[Phase, int, int], None]
"""Called as shards are done: (phase, shards, frames), both counted since the last call."""


class Wave:
    """The videos under way at once, and what became of each."""

    def __init__(self, context: RunContext, *, report: Report) -> None:
        self._context = context
        self._workers = context.share.workers
        self._report = report
        self._failures: dict[str, Failure] = {}
        self._counted: set[tuple[Phase, str]] = set()
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
        done: set[str] = set()
        for shard in self._timed(
            run_actors(shards, Analyser, self._context, workers=self._workers)
        ):
            done.add(shard.shard_id)
            self._report("analyse", 1, shard.num_frames)
        return self._still(planned, _complete(planned, done))

    def _draw(
        self, planned: Sequence[PlannedVideo], persons: Mapping[str, ResolvedVideo]
    ) -> list[DrawnVideo]:
        """Rehearse until the judge is content; render what is left to do; audit it as strictly."""
        videos = [
            DrawnVideo(item, persons[item.info.video_id].persons, (), is_rehearsed=True)
            for item in planned
        ]
        videos = self._until_judged(videos, Rehearser)
        return self._until_judged([replace(v, is_rehearsed=False) for v in videos], Renderer)

    def _until_judged(
        self, videos: Sequence[DrawnVideo], worker: type[RowWorker]
    ) -> list[DrawnVideo]:
        """Draw and judge until the judge sends nothing back: that is what each round draws.

        The judge puts an end to it.
        """
        due = {shard.shard_id for video in videos for shard in video.planned.shards}
        under_way, through = list(videos), list[DrawnVideo]()
        while under_way:
            under_way = self._drawn(under_way, worker, due)
            judged = self._judge(under_way)
            under_way = [
                replace(video, rounds=judged[video.video_id].rounds)
                for video in under_way
                if video.video_id in judged
            ]
            through += [video for video in under_way if not judged[video.video_id].again]
            under_way = [video for video in under_way if judged[video.video_id].again]
            due = {shard_id for item in judged.values() for shard_id in item.again}
        return through

    def _drawn(
        self, videos: Sequence[DrawnVideo], worker: type[RowWorker], due: AbstractSet[str]
    ) -> list[DrawnVideo]:
        """Draw some shards; what is rendered takes the place of what was before."""
        rounds = {video.video_id: video.rounds for video in videos}
        shards = [
            replace(task, rounds=rounds[task.shard.video_id])
            for task in _shard_tasks([video.planned for video in videos])
            if task.shard.shard_id in due
        ]
        made = self._timed(run_actors(shards, worker, self._context, workers=self._workers))
        fresh: dict[str, DrawnShard] = {}
        for shard in made:
            fresh[shard.shard_id] = shard
            self._count(shard)
        missed = {s.shard.video_id for s in shards if s.shard.shard_id not in fresh}
        alive = set(self._alive(list(rounds), rounds.keys() - missed))
        return [_with(video, fresh) for video in videos if video.video_id in alive]

    def _count(self, shard: DrawnShard) -> None:
        """Report a shard when it is rehearsed, and when it is rendered, for the first time."""
        rendered = isinstance(shard, RenderedShard)
        phase: Phase = "render" if rendered else "rehearse"
        if (phase, shard.shard_id) not in self._counted:
            self._counted.add((phase, shard.shard_id))
            self._report(phase, 1, shard.num_frames if rendered else 0)

    def _judge(self, drawn: Sequence[DrawnVideo]) -> dict[str, JudgedVideo]:
        judged = self._timed(run_tasks(drawn, judge_row, self._context))
        by_id: dict[str, JudgedVideo] = {item.video_id: item for item in judged}
        alive = set(self._alive([video.video_id for video in drawn], by_id))
        return {video_id: item for video_id, item in by_id.items() if video_id in alive}

    def _finish(self, drawn: Sequence[DrawnVideo]) -> dict[str, VideoResult]:
        results = self._timed(run_tasks(drawn, finish_row, self._context))
        finished: dict[str, VideoResult] = {item.source.video_id: item for item in results}
        self._alive([video.video_id for video in drawn], finished)
        return finished

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


def _with(video: DrawnVideo, fresh: Mapping[str, DrawnShard]) -> DrawnVideo:
    """Put what was rendered in the place of what was before."""
    rendered = {shard.shard_id: shard for shard in video.rendered}
    ours = (fresh.get(shard.shard_id) for shard in video.planned.shards)
    rendered |= {shard.shard_id: shard for shard in ours if isinstance(shard, RenderedShard)}
    return replace(video, rendered=tuple(rendered.values()))


def _complete(planned: Sequence[PlannedVideo], done: AbstractSet[str]) -> set[str]:
    """Return the videos all of whose shards are there."""
    return {
        item.info.video_id for item in planned if {shard.shard_id for shard in item.shards} <= done
    }
