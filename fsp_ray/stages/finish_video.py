"""FINISH: join the segments, verify, publish, and say what goes into the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from hashlib import file_digest
from pathlib import Path

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import Person
from fsp_ray.stages.results import PlannedVideo, RenderedShard, VideoResult
from fsp_ray.stages.rows import persons_rows, tracks_rows, video_row
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import mux, verify

Publish = Callable[[Path, str], str]
"""Move a local file to its place in the lake, atomically: (file, source path) -> its URI."""

# Marks what comes out as synthetic media, for players and for whoever finds the file elsewhere.
MARKING = {
    "comment": "Faces replaced by synthetic ones (fsp_ray). AI-generated content: yes.",
}


def finish_video(
    planned: PlannedVideo,
    persons: Sequence[Person],
    rendered: Sequence[RenderedShard],
    staging: Staging,
    *,
    settings: RunSettings,
    run_id: str,
    publish: Publish,
) -> VideoResult:
    """Join, verify and publish one video.

    Raises:
        VideoError: a segment is missing, frames are, or the joined file is not what it must be.
        LakeError: it could not be published.
    """
    watch = Stopwatch()
    if planned.source.has_changed():
        raise VideoError(
            FailureReason.CHANGED,
            f"{planned.source.path} was written to while it was being done.",
            advice="Run again once it is complete.",
        )
    ordered = _in_order(planned, rendered)
    with staging.writing("published.mp4") as path:
        with watch.part("mux"):
            segments = [staging.reading(segment_name(shard.shard_id)) for shard in ordered]
            mux(
                segments,
                planned.source.media,
                planned.info,
                path,
                audio=settings.audio,
                marking=MARKING,
            )
        with watch.part("verify"):
            verify(path, planned.source.media, planned.info, audio=settings.audio)
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    with watch.part("publish"):
        uri = publish(staging.reading("published.mp4"), planned.source.path)
    tracks = tracks_rows(planned.info, ordered, run_id)
    person_rows = persons_rows(planned.info, persons, ordered, run_id)
    bridged = sum(shard.bridged_faces for shard in ordered)
    row = video_row(planned.source, settings, run_id, status="published", reason="")
    row |= {
        "published_uri": uri,
        "sha256": sha256,
        "recorded_on": _day(planned.info.recorded_on),
        "duration_s": planned.info.duration_s,
        "num_frames": planned.info.num_frames,
        "width": planned.info.width,
        "height": planned.info.height,
        "frame_rate": float(planned.info.frame_rate),
        "has_audio": planned.info.has_audio and settings.audio == "keep",
        "num_persons": len(persons),
        "num_faces": sum(t.num_frames for s in ordered for t in s.tracks) + bridged,
        "covered_faces": sum(t.covered_frames for s in ordered for t in s.tracks) + bridged,
    }
    return VideoResult(planned.source, "published", "", row, person_rows, tracks, watch.seconds())


def _in_order(planned: PlannedVideo, rendered: Sequence[RenderedShard]) -> list[RenderedShard]:
    by_id = {shard.shard_id: shard for shard in rendered}
    for shard in planned.shards:
        done = by_id.get(shard.shard_id)
        if done is None or done.num_frames != shard.num_frames:
            raise VideoError(
                FailureReason.VERIFY,
                f"Shard {shard.index} of {planned.source.path} was not rendered whole.",
                advice="Run again: only this video is done again.",
            )
    return [by_id[shard.shard_id] for shard in planned.shards]


def _day(recorded_on: str | None) -> date | None:
    return datetime.fromisoformat(recorded_on).astimezone(UTC).date() if recorded_on else None
