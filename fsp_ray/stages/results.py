"""What the stages hand to one another through Ray: small, and nothing biometric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fsp_ray.core.face_types import Person
from fsp_ray.core.progress import AuditSummary, VideoStatus
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake import SourceVideo

Seconds = Mapping[str, float]
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video that can be done, cut into shards."""

    source: SourceVideo
    info: VideoInfo
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class AnalysedShard:
    """What was found in a shard; the findings themselves are staged."""

    shard_id: str
    video_id: str
    num_frames: int
    num_tracks: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """What was done to one track of one shard."""

    track_id: str
    person_id: str
    start_pts: int
    last_pts: int
    num_frames: int
    swapped_frames: int
    covered_frames: int
    interpolated_frames: int
    mean_det_score: float
    median_face_px: float

    def __post_init__(self) -> None:
        if self.swapped_frames + self.covered_frames != self.num_frames:
            raise ValueError(f"track {self.track_id} has frames neither swapped nor covered")


@dataclass(frozen=True, slots=True)
class ResolvedVideo:
    """The persons of a video; who gets which face is staged."""

    video_id: str
    persons: tuple[Person, ...]
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class RenderedShard:
    """What was rendered of a shard; the segment itself is staged."""

    shard_id: str
    video_id: str
    index: int
    num_frames: int
    tracks: tuple[TrackCounts, ...]
    bridged_faces: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class RehearsedShard:
    """That a shard was rehearsed; what was found is staged."""

    shard_id: str
    video_id: str
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class DrawnVideo:
    """A video all of whose shards are rendered and audited, or rehearsed.

    Attributes:
        planned, persons: the video, and who is in it.
        rendered: its shards, as they were rendered last; none while it is rehearsed.
        rounds: how often it has been judged.
        is_rehearsed: it was rehearsed last, and not rendered.
    """

    planned: PlannedVideo
    persons: tuple[Person, ...]
    rendered: tuple[RenderedShard, ...]
    rounds: int = 0
    is_rehearsed: bool = False

    @property
    def video_id(self) -> str:
        """Of the video."""
        return self.planned.info.video_id


@dataclass(frozen=True, slots=True)
class AuditedShard:
    """That a rendered shard was audited; the findings themselves are staged.

    `searched_frames` counts the source frames that the detectors searched for faces.
    """

    shard_id: str
    video_id: str
    searched_frames: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class JudgedVideo:
    """What a round led to; the judgement itself is staged.

    Attributes:
        rounds: rounds that the video has been through, this one included.
        again: ids of the shards to be drawn again; none if the rehearsal, or the audit, is through.
    """

    video_id: str
    rounds: int
    again: frozenset[str]
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class VideoResult:
    """How a source video ended: its row in `videos`, its rows in the other tables, its audit."""

    source: SourceVideo
    status: VideoStatus
    reason: str
    video: Row
    persons: tuple[Row, ...] = ()
    tracks: tuple[Row, ...] = ()
    audit: tuple[Row, ...] = ()
    audited: AuditSummary = field(default_factory=AuditSummary)
    seconds: Seconds = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage could not do its part of a video. The video fails; the run goes on."""

    video_id: str
    reason: str
    """`<FailureReason>: <sentence>`, as it stands in `videos.reason`."""
