"""FINISH: join the segments, verify, publish, and say what goes into the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from fsp_ray.audit import Auditor
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import Person
from fsp_ray.lake import published_path
from fsp_ray.stages.audit_rows import audit_rows, audit_summary, person_audits
from fsp_ray.stages.certificate import MARKING, certificate
from fsp_ray.stages.judge_video import load_audited
from fsp_ray.stages.judgements import load_judgement
from fsp_ray.stages.results import DrawnVideo, PlannedVideo, RenderedShard, Row, VideoResult
from fsp_ray.stages.rows import persons_rows, tracks_rows, video_row
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import mux, verify

Publish = Callable[[Path, str, bytes], str]
"""Put a local file and its certificate in their places in the lake, the file atomically:
(file, source path, certificate) -> the file's URI."""

PUBLISHED_NAME: Final = "published.mp4"


def finish_video(
    drawn: DrawnVideo,
    staging: Staging,
    *,
    settings: RunSettings,
    run_id: str,
    auditor: Auditor,
    publish: Publish,
) -> VideoResult:
    """Join, verify and publish one video that passed the audit; quarantine one that did not.

    Args:
        drawn: the video, rendered, audited and judged at least once.
        staging: holds segments, findings and judgements.
        settings, run_id: of the run.
        auditor: who looked.
        publish: puts it into the lake.

    Raises:
        VideoError: a segment is missing, frames are, the audit is not through, or the joined file
            is not what it must be.
        LakeError: it could not be published.
    """
    watch = Stopwatch()
    planned, persons = drawn.planned, drawn.persons
    if planned.source.has_changed():
        raise VideoError(
            FailureReason.CHANGED,
            f"{planned.source.path} was written to while it was being done.",
            advice="Run again once it is complete.",
        )
    judgement = load_judgement(staging, drawn.rounds)
    if judgement.rehearsals == drawn.rounds or judgement.again:
        raise VideoError(
            FailureReason.VERIFY,
            f"The audit of {planned.source.path} is not through.",
            advice="Run again: only this video is done again.",
        )
    audited = load_audited(drawn, staging, auditor)
    audits = person_audits(audited, staging, judgement)
    summary = audit_summary(audits, audited, judgement, planned.info.num_frames, auditor)
    result = VideoResult(
        planned.source,
        status="quarantined",
        reason=judgement.reason,
        video=video_row(
            planned.source, settings, run_id, status="quarantined", reason=judgement.reason
        ),
        audit=audit_rows(audits, planned.info.video_id, run_id, auditor),
        audited=summary,
    )
    if judgement.reason:
        return replace(result, seconds=watch.seconds())
    ordered = _in_order(planned, drawn.rendered)
    _make(planned, ordered, staging, settings, watch)
    path = staging.reading(PUBLISHED_NAME)
    sha256 = staging.sha256(PUBLISHED_NAME)
    with watch.part("publish"):
        name = PurePosixPath(published_path(planned.source.path)).name
        size_bytes = path.stat().st_size
        paper = certificate(name, (sha256, size_bytes), settings, run_id, audits, summary, auditor)
        uri = publish(path, planned.source.path, paper)
    row = video_row(planned.source, settings, run_id, status="published", reason="")
    row |= _published_columns(planned, persons, ordered, settings)
    row |= {"published_uri": uri, "sha256": sha256}
    return replace(
        result,
        status="published",
        video=row,
        persons=persons_rows(planned.info, persons, ordered, run_id),
        tracks=tracks_rows(planned.info, ordered, run_id),
        seconds=watch.seconds(),
    )


def _make(
    planned: PlannedVideo,
    ordered: Sequence[RenderedShard],
    staging: Staging,
    settings: RunSettings,
    watch: Stopwatch,
) -> None:
    """Join the segments and the sound, and read the file back."""
    with staging.writing(PUBLISHED_NAME) as path:
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


def _published_columns(
    planned: PlannedVideo,
    persons: Sequence[Person],
    ordered: Sequence[RenderedShard],
    settings: RunSettings,
) -> Row:
    info = planned.info
    bridged = sum(shard.bridged_faces for shard in ordered)
    return {
        "recorded_on": _day(info.recorded_on),
        "duration_s": info.duration_s,
        "num_frames": info.num_frames,
        "width": info.width,
        "height": info.height,
        "frame_rate": float(info.frame_rate),
        "has_audio": info.has_audio and settings.audio == "keep",
        "num_persons": len(persons),
        "num_faces": sum(t.num_frames for s in ordered for t in s.tracks) + bridged,
        "covered_faces": sum(t.covered_frames for s in ordered for t in s.tracks) + bridged,
    }


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
