"""PLAN: what a video is, and where it can be cut."""

from __future__ import annotations

from fsp_ray.core.config import RunSettings
from fsp_ray.lake import SourceVideo
from fsp_ray.stages.results import PlannedVideo
from fsp_ray.video import plan_shards, probe


def plan_video(source: SourceVideo, settings: RunSettings) -> PlannedVideo:
    """Probe a video and cut it into shards.

    Raises:
        VideoError: it is no video, is damaged, or is over the limits.
    """
    info = probe(source.media, video_id=source.video_id, limits=settings.limits)
    shards = plan_shards(source.media, info, target_frames=settings.shard_frames)
    return PlannedVideo(source, info, shards)
