"""What a run tells whoever watches it, and what it says at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

VideoStatus = Literal["published", "unchanged", "quarantined", "failed"]
VIDEO_STATUSES: Final[tuple[VideoStatus, ...]] = (
    "published",
    "unchanged",
    "quarantined",
    "failed",
)
Phase = Literal["start", "analyse", "rehearse", "render", "finish", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. Frames are counted once, half when analysed and half when rendered.

    `videos_done` counts videos whose row is committed, `shards_done` shards that are through the
    present phase; totals grow while the source is planned.
    """

    phase: Phase
    elapsed_s: float
    videos_done: int = 0
    videos_total: int = 0
    shards_done: int = 0
    shards_total: int = 0
    frames_done: float = 0.0
    frames_total: int = 0
    message: str = ""

    @property
    def frames_per_s(self) -> float:
        """Frames a second since the start; 0 before the first."""
        return self.frames_done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds left at this pace, if that can be said yet."""
        if self.frames_per_s <= 0 or self.frames_total <= 0:
            return None
        return max(0.0, (self.frames_total - self.frames_done) / self.frames_per_s)


ProgressListener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A source video that was not published, and why."""

    path: str
    status: VideoStatus
    reason: str


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """What the audit of a video, or of a run, came to.

    Attributes:
        passed, covered, quarantined: persons, by how it ended.
        retried: of those passed, who needed another face than the first.
        compared_frames: frames of which every known face was compared with the source.
        searched_frames: of those, frames in which detectors searched for faces nobody knew of.
        patches: covers over faces that showed.
        closest: smallest distance of any published face to its person, None if there is none.
        threshold: distance under which the auditor says same; 0 where nothing was audited.
    """

    passed: int = 0
    retried: int = 0
    covered: int = 0
    quarantined: int = 0
    compared_frames: int = 0
    searched_frames: int = 0
    patches: int = 0
    closest: float | None = None
    threshold: float = 0.0

    def __add__(self, other: AuditSummary) -> AuditSummary:
        """Sum two up."""
        distances = [d for d in (self.closest, other.closest) if d is not None]
        return AuditSummary(
            passed=self.passed + other.passed,
            retried=self.retried + other.retried,
            covered=self.covered + other.covered,
            quarantined=self.quarantined + other.quarantined,
            compared_frames=self.compared_frames + other.compared_frames,
            searched_frames=self.searched_frames + other.searched_frames,
            patches=self.patches + other.patches,
            closest=min(distances, default=None),
            threshold=max(self.threshold, other.threshold),
        )

    def as_dict(self) -> dict[str, object]:
        """Return JSON-able values."""
        closest = None if self.closest is None else round(self.closest, 4)
        return {**asdict(self), "closest": closest}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended; printed by `fsp anonymize` and, as JSON, read by machines.

    `deleted` are the videos that the lake has, or had, and the source has no more; `withdrawn` says
    how many of them the run took out of the lake.
    """

    run_id: str
    lake: str
    videos: Mapping[VideoStatus, int]
    persons: int
    frames: int
    faces: int
    seconds: float
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    audit: AuditSummary = field(default_factory=AuditSummary)
    deleted: tuple[str, ...] = ()
    withdrawn: int = 0

    @property
    def all_published(self) -> bool:
        """True if every video is published or was so already."""
        return not self.videos.get("quarantined") and not self.videos.get("failed")

    def as_dict(self) -> dict[str, object]:
        """Return what `--json` prints."""
        return {
            "run_id": self.run_id,
            "videos": {status: self.videos.get(status, 0) for status in VIDEO_STATUSES},
            "persons": self.persons,
            "frames": self.frames,
            "faces": self.faces,
            "audit": self.audit.as_dict(),
            "seconds": round(self.seconds, 3),
            "lake": self.lake,
            "seconds_by_stage": {k: round(v, 3) for k, v in self.seconds_by_stage.items()},
            "problems": [
                {"path": p.path, "status": p.status, "reason": p.reason} for p in self.problems
            ],
            "deleted": list(self.deleted),
            "withdrawn": self.withdrawn,
        }
