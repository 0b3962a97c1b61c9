"""AUDIT: hold the frames that will be published against their source, as a stranger would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import U8
from fsp_ray.core.protocols import MediaSource, Models
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.stages.audit_findings import (
    findings_name,
    load_faces_found,
    rehearsal_name,
    save_findings,
)
from fsp_ray.stages.audit_looks import Looker
from fsp_ray.stages.inspector import Inspector, searched_frames
from fsp_ray.stages.results import AuditedShard
from fsp_ray.stages.shard_frames import ShardFrames, decode_here
from fsp_ray.stages.shard_plan import load_shard_plan
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import play_segment, prefetch

_BATCH_BYTES: Final = 16 << 20  # two decoders run at once


@dataclass(frozen=True, slots=True, eq=False)
class PublishedFrame:
    """A frame before and after, both decoded; a `FramePair`."""

    pts: int
    before: U8
    after: U8

    @property
    def is_there(self) -> bool:
        """True: it was rendered."""
        return True


def audit_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    models: Models,
    settings: RunSettings,
    rounds: int,
    frames: ShardFrames = decode_here,
) -> AuditedShard:
    """Audit one rendered shard; the findings are staged.

    Every frame is compared where a track is; every few frames, on both sides of a cut, just outside
    of every track, and around what an earlier round patched, the detectors search the source for
    faces that no track has; some synthetic faces of each track are shown to the auditor.

    Args:
        rounds: how often this video has been judged.
        frames: who decodes.

    Raises:
        VideoError: the shard or its segment can't be decoded, or differ in their frames.
    """
    watch = Stopwatch()
    plan = load_shard_plan(shard, staging, rounds=rounds)
    audits = rounds - plan.rehearsals
    # A face of the source is where it is, whatever was drawn when it was found.
    name = findings_name if audits else rehearsal_name
    known = load_faces_found(staging, name(shard.shard_id))
    # Closer once: a search that never ends would quarantine the video.
    searched = searched_frames(plan, info, settings, known, closer=audits == 1)
    looker = Looker(models, plan.tracks, plan.persons, whom=frozenset(plan.persons))
    inspector = Inspector(plan, models, looker, searched, known)
    source = frames(media, info, shard, batch_bytes=_BATCH_BYTES, ahead=1)
    segment = segment_name(shard.shard_id)
    sha256 = staging.sha256(segment)
    published = play_segment(staging.reading(segment), info, shard, batch_bytes=_BATCH_BYTES)
    pairs = _pairs(source, prefetch(published, depth=1))
    for frame in watch.waiting("audit_decode", pairs):
        with watch.part("audit"):
            inspector.push(frame)
    with watch.part("audit"):
        findings = replace(inspector.finish(), segment=sha256)
        save_findings(staging, findings_name(shard.shard_id), findings)
    return AuditedShard(
        shard_id=shard.shard_id,
        video_id=shard.video_id,
        searched_frames=len(findings.faces.checked),
        seconds=watch.seconds(),
    )


def _pairs(
    source: Iterable[FrameBatch], published: Iterable[FrameBatch]
) -> Iterator[PublishedFrame]:
    for (pts, before), (shown_at, after) in zip(_frames(source), _frames(published), strict=True):
        if pts != shown_at:
            raise VideoError(
                FailureReason.VERIFY,
                "A rendered frame is shown at another time than its source.",
                advice="Run again: only this video is done again.",
            )
        yield PublishedFrame(pts, before, after)


def _frames(batches: Iterable[FrameBatch]) -> Iterator[tuple[int, U8]]:
    for batch in batches:
        yield from zip(batch.pts.tolist(), batch.rgb, strict=True)
