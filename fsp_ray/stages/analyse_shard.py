"""ANALYSE: find and follow every face of a shard, and measure the best looks at each."""

from __future__ import annotations

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32
from fsp_ray.core.protocols import MediaSource, Models
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.faces import ShardTracker
from fsp_ray.faces.cuts import shrink
from fsp_ray.stages.archive import save_summaries, save_tracks, save_views
from fsp_ray.stages.bridges import save_border
from fsp_ray.stages.measure_views import ViewMeasurer
from fsp_ray.stages.results import AnalysedShard
from fsp_ray.stages.shard_frames import ShardFrames, decode_here
from fsp_ray.stages.staging import Staging, summaries_name, tracks_name, views_name
from fsp_ray.stages.timing import Stopwatch


def analyse_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    models: Models,
    settings: RunSettings,
    frames: ShardFrames = decode_here,
) -> AnalysedShard:
    """Analyse one shard; its tracks and their summaries are staged.

    Args:
        frames: who decodes.

    Raises:
        VideoError: the shard can't be decoded.
        PackError: a model can't be loaded.
    """
    watch = Stopwatch()
    tracker = ShardTracker(
        models.hint_detector,
        models.landmarker,
        second=models.second_detector,
        shard_id=shard.shard_id,
        detect_every=settings.detect_every,
    )
    measurer = ViewMeasurer(models)
    num_frames = 0
    ends: list[F32] = []
    for batch in watch.waiting("decode", frames(media, info, shard)):
        with watch.part("track"):
            observations = tracker.push(batch)
        with watch.part("measure"):
            measurer.add(batch, observations)
        num_frames += len(batch)
        ends = [*(ends[:1] or [shrink(batch.rgb[0])]), shrink(batch.rgb[-1])]
    with watch.part("track"):
        tracks = tracker.finish()
    with watch.part("stage"):
        save_border(staging, shard.shard_id, *ends)
        with staging.writing(tracks_name(shard.shard_id)) as path:
            save_tracks(path, tracks)
        with staging.writing(summaries_name(shard.shard_id)) as path:
            save_summaries(path, [measurer.summary(track, shard.index) for track in tracks])
        with staging.writing(views_name(shard.shard_id)) as path:
            save_views(path, {t.track_id: measurer.head_views(t.track_id) for t in tracks})
    return AnalysedShard(
        shard_id=shard.shard_id,
        video_id=shard.video_id,
        num_frames=num_frames,
        num_tracks=len(tracks),
        seconds=watch.seconds(),
    )
