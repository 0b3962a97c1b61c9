"""A run's running totals: what it tells, what it leaves in `runs`, and how it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
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
from fsp_ray.models import show_pack
from fsp_ray.raydata.request import RunRequest
from fsp_ray.raydata.worklist import Worklist
from fsp_ray.stages.results import Row, VideoResult
from fsp_ray.stages.timing import add_seconds


@dataclass(slots=True)
class Tally:
    """What has been done so far, of what was asked for."""

    request: RunRequest
    listener: ProgressListener
    run_id: str = field(default_factory=ids.new_run_id)
    _started: float = field(default_factory=time.monotonic)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _counts: Counter[VideoStatus] = field(default_factory=Counter)
    _problems: list[Problem] = field(default_factory=list)
    _persons: int = 0
    _frames: int = 0
    _faces: int = 0
    _audit: AuditSummary = field(default_factory=AuditSummary)
    _seconds: dict[str, float] = field(default_factory=dict)
    _shards_done: Counter[Phase] = field(default_factory=Counter)
    _deleted: tuple[str, ...] = ()
    _withdrawn: int = 0
    _now: Progress = field(default_factory=lambda: Progress("start", 0.0))

    def begin(self, work: Worklist) -> None:
        """Take what there is to do."""
        self._counts["unchanged"] = work.unchanged
        self._problems.extend(work.given_up)
        self._counts.update(problem.status for problem in work.given_up)
        self._deleted = tuple(entry.source_path for entry in work.deleted)
        self._tell(videos_total=len(work.todo), message=f"{len(work.todo)} videos to do")

    def waiting(self, holder: str) -> None:
        """Say that another run is at work on the lake."""
        self._tell(message=f"waiting for the run {holder} to end")

    def withdrew(self, videos: int) -> None:
        """Count videos that were taken out of the lake."""
        self._withdrawn += videos

    def planned(self, *, shards: int, frames: int) -> None:
        """Take how much there is in the videos of a wave."""
        self._tell(
            phase="analyse",
            shards_total=self._now.shards_total + shards,
            frames_total=self._now.frames_total + frames,
        )

    def shards(self, phase: Phase, shards: int, frames: int) -> None:
        """Count shards: half of their work when analysed, half when rendered."""
        self._shards_done[phase] += shards
        self._tell(
            phase=phase,
            shards_done=self._shards_done[phase],
            frames_done=self._now.frames_done + frames / 2,
        )

    def finished(self, results: Sequence[VideoResult], seconds: Mapping[str, float]) -> None:
        """Count the videos of a wave, whose rows are committed."""
        for result in results:
            self._counts[result.status] += 1
            self._audit += result.audited
            if result.status == "published":
                self._persons += len(result.persons)
                self._frames += _number(result.video, "num_frames")
                self._faces += _number(result.video, "num_faces")
            else:
                self._problems.append(Problem(result.source.path, result.status, result.reason))
        add_seconds(self._seconds, seconds)
        self._tell(phase="finish", videos_done=self._now.videos_done + len(results))

    def end(self) -> RunSummary:
        """Say that it is over."""
        self._tell(phase="done", videos_done=self._now.videos_total)
        return self.summary()

    def summary(self) -> RunSummary:
        """Return how it went."""
        return RunSummary(
            run_id=self.run_id,
            lake=self.request.lake,
            videos=dict(self._counts),
            persons=self._persons,
            frames=self._frames,
            faces=self._faces,
            seconds=time.monotonic() - self._started,
            seconds_by_stage=dict(self._seconds),
            problems=tuple(self._problems),
            audit=self._audit,
            deleted=self._deleted,
            withdrawn=self._withdrawn,
        )

    def row(self, *, finished: bool) -> Row:
        """Return the run's row in `runs`."""
        settings = self.request.settings
        return {
            "run_id": self.run_id,
            "started_at": self._started_at,
            "finished_at": datetime.now(UTC) if finished else None,
            "source": self.request.source,
            "pack": settings.pack,
            "licence": show_pack(settings.pack).licence,
            "settings": settings.as_dict(),
            "settings_hash": settings.hash,
            "version": __version__,
            "published": self._counts["published"],
            "unchanged": self._counts["unchanged"],
            "quarantined": self._counts["quarantined"],
            "failed": self._counts["failed"],
            "persons": self._persons,
            "frames": self._frames,
            "faces": self._faces,
            "seconds_by_stage": dict(self._seconds),
        }

    def _tell(self, **changes: object) -> None:
        elapsed_s = time.monotonic() - self._started
        self._now = replace(self._now, elapsed_s=elapsed_s, message="")
        self._now = replace(self._now, **changes)  # pyright: ignore[reportArgumentType] - by name
        self.listener(self._now)


def _number(row: Row, name: str) -> int:
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number")
    return value
