"""The job: list, subtract what is done, do the rest in waves, commit each wave."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fsp_ray import __version__
from fsp_ray.core import ids
from fsp_ray.core.progress import (
    AuditSummary,
    Phase,
    Problem,
    Progress,
    ProgressListener,
    RunSummary,
    VideoStatus,
)
from fsp_ray.lake import Lake, SourceVideo, list_source
from fsp_ray.models import install_pack, show_pack
from fsp_ray.raydata.cluster import cluster
from fsp_ray.raydata.request import RunRequest
from fsp_ray.raydata.wave import Wave
from fsp_ray.raydata.waves import waves
from fsp_ray.raydata.workers import RunContext
from fsp_ray.stages.results import Row, VideoResult
from fsp_ray.stages.timing import add_seconds


@dataclass(frozen=True, slots=True)
class Worklist:
    """The source against the ledger.

    Attributes:
        todo: videos to do.
        unchanged: how many are published already, with this content, pack and settings.
        given_up: those that failed before, for a reason that lies in the file.
    """

    todo: tuple[SourceVideo, ...]
    unchanged: int
    given_up: tuple[Problem, ...]


def plan(request: RunRequest) -> Worklist:
    """Return what a run would do; writes nothing.

    Raises:
        SourceError: the source can't be listed.
        LakeError: the lake can't be read.
    """
    lake = Lake.open(request.lake) if Lake.exists(request.lake) else None
    ledger = lake.ledger() if lake else {}
    todo: list[SourceVideo] = []
    given_up: list[Problem] = []
    unchanged = 0
    settings = request.settings
    for source in _listed(request, lake):
        entry = ledger.get(source.video_id)
        if entry is None or not entry.is_done(
            fingerprint=source.fingerprint, pack=settings.pack, settings_hash=settings.hash
        ):
            todo.append(source)
        elif entry.is_published:
            unchanged += 1
        else:
            given_up.append(Problem(source.path, _status(entry.status), entry.reason))
    return Worklist(tuple(todo[: request.limit]), unchanged, tuple(given_up))


def anonymize(request: RunRequest, listener: ProgressListener) -> RunSummary:
    """Do what is left of an archive.

    Raises:
        SourceError, LakeError, PackError, ClusterError: the run itself can't go on; what its
            finished waves committed stays.
    """
    run = _Run(request, listener)
    return run.go()


@dataclass(slots=True)
class _Run:
    """One run's running totals."""

    request: RunRequest
    listener: ProgressListener
    run_id: str = field(default_factory=ids.new_run_id)
    started: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: Counter[VideoStatus] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    persons: int = 0
    frames: int = 0
    faces: int = 0
    audit: AuditSummary = field(default_factory=AuditSummary)
    seconds: dict[str, float] = field(default_factory=dict)
    shards_done: Counter[Phase] = field(default_factory=Counter)
    now: Progress = field(default_factory=lambda: Progress("start", 0.0))

    def go(self) -> RunSummary:
        """Do it."""
        work = plan(self.request)
        self.counts["unchanged"] = work.unchanged
        self.problems.extend(work.given_up)
        self.counts.update(problem.status for problem in work.given_up)
        self._tell(videos_total=len(work.todo), message=f"{len(work.todo)} videos to do")
        if work.todo and not self.request.dry_run:
            self._do(work.todo)
        self._tell(phase="done", videos_done=len(work.todo))
        return self._summary()

    def _do(self, todo: Sequence[SourceVideo]) -> None:
        install_pack(self.request.settings.pack)  # fails here and once, not video by video
        lake = Lake.create(self.request.lake)
        lake.commit_run(self._row(finished_at=None))
        with lake.staging(self.run_id) as staging, cluster(self.request.address) as cpus:
            workers = self.request.workers or cpus
            context = RunContext(
                run_id=self.run_id,
                lake=self.request.lake,
                staging=str(staging),
                settings=self.request.settings,
                secret=self._secret(),
            )
            for sources in waves(todo, workers=workers):
                wave = Wave(context, workers=workers, report=self._report)
                self._one(wave, sources, lake)
        lake.commit_run(self._row(finished_at=datetime.now(UTC)))

    def _one(self, wave: Wave, sources: Sequence[SourceVideo], lake: Lake) -> None:
        planned = wave.plan(sources)
        self._tell(
            phase="analyse",
            shards_total=self.now.shards_total + sum(len(p.shards) for p in planned),
            frames_total=self.now.frames_total + sum(p.info.num_frames for p in planned),
        )
        results = wave.run(sources, planned)
        self._commit(lake, results)
        add_seconds(self.seconds, wave.seconds)
        self._tell(phase="finish", videos_done=self.now.videos_done + len(sources))

    def _commit(self, lake: Lake, results: Sequence[VideoResult]) -> None:
        lake.commit(
            videos=[result.video for result in results],
            persons=[row for result in results for row in result.persons],
            tracks=[row for result in results for row in result.tracks],
            audit=[row for result in results for row in result.audit],
        )
        for result in results:
            self.counts[result.status] += 1
            self.audit += result.audited
            if result.status == "published":
                self.persons += len(result.persons)
                self.frames += _number(result.video, "num_frames")
                self.faces += _number(result.video, "num_faces")
            else:  # an earlier version's file must not outlive its rows
                lake.withdraw(result.source.path)
                self.problems.append(Problem(result.source.path, result.status, result.reason))

    def _secret(self) -> bytes:
        seed = self.request.seed
        return secrets.token_bytes(32) if seed is None else seed.to_bytes(32, "big")

    def _report(self, phase: Phase, shards: int, frames: int) -> None:
        """Count a shard: half of its work when analysed, half when rendered."""
        self.shards_done[phase] += shards
        self._tell(
            phase=phase,
            shards_done=self.shards_done[phase],
            frames_done=self.now.frames_done + frames / 2,
        )

    def _tell(self, **changes: object) -> None:
        elapsed_s = time.monotonic() - self.started
        self.now = replace(self.now, elapsed_s=elapsed_s, message="")
        self.now = replace(self.now, **changes)  # pyright: ignore[reportArgumentType] - by name
        self.listener(self.now)

    def _row(self, *, finished_at: datetime | None) -> Row:
        settings = self.request.settings
        return {
            "run_id": self.run_id,
            "started_at": self.started_at,
            "finished_at": finished_at,
            "source": self.request.source,
            "pack": settings.pack,
            "licence": show_pack(settings.pack).licence,
            "settings": settings.as_dict(),
            "settings_hash": settings.hash,
            "version": __version__,
            "published": self.counts["published"],
            "unchanged": self.counts["unchanged"],
            "quarantined": self.counts["quarantined"],
            "failed": self.counts["failed"],
            "persons": self.persons,
            "frames": self.frames,
            "faces": self.faces,
            "seconds_by_stage": dict(self.seconds),
        }

    def _summary(self) -> RunSummary:
        return RunSummary(
            run_id=self.run_id,
            lake=self.request.lake,
            videos=dict(self.counts),
            persons=self.persons,
            frames=self.frames,
            faces=self.faces,
            seconds=time.monotonic() - self.started,
            seconds_by_stage=dict(self.seconds),
            problems=tuple(self.problems),
            audit=self.audit,
        )


def _listed(request: RunRequest, lake: Lake | None) -> Sequence[SourceVideo]:
    if lake is None or request.dry_run:  # the lake's memory of hashes is a write
        return list_source(request.source)
    return lake.list_source(request.source)


def _status(word: str) -> VideoStatus:
    return "quarantined" if word == "quarantined" else "failed"


def _number(row: Row, name: str) -> int:
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number")
    return value
