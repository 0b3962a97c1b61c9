"""RENDER: put every face on, or cover it, and encode the shard's segment."""

from __future__ import annotations

from contextlib import ExitStack

from fsp_ray.core.config import RunSettings
from fsp_ray.core.protocols import FaceSwapper, MediaSource
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.stages.results import RenderedShard
from fsp_ray.stages.scene import Scene
from fsp_ray.stages.shard_frames import ShardFrames, decode_here
from fsp_ray.stages.shard_plan import load_shard_plan
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import SegmentWriter


def render_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    settings: RunSettings,
    swapper: FaceSwapper,
    rounds: int = 0,
    frames: ShardFrames = decode_here,
) -> RenderedShard:
    """Render one shard; the segment is staged.

    Args:
        rounds: how often this video has been judged.
        frames: who decodes.

    Raises:
        VideoError: the shard can't be decoded or encoded, or a staged file is missing.
    """
    watch = Stopwatch()
    with watch.part("prepare"):
        scene = Scene.of(load_shard_plan(shard, staging, rounds=rounds), swapper)
    num_frames = 0
    with staging.writing(segment_name(shard.shard_id)) as path, ExitStack() as encoding:
        writer = SegmentWriter(path, info, crf=settings.crf, preset=settings.preset)
        encoding.enter_context(writer)
        for batch in watch.waiting("decode", frames(media, info, shard)):
            with watch.part("swap"):
                for rgb, pts in zip(batch.rgb, batch.pts, strict=True):
                    scene.draw(rgb, int(pts))
            with watch.part("encode"):
                writer.write(batch)
            num_frames += len(batch)
        with watch.part("encode"):
            encoding.close()  # waits for the encoder's thread
    return RenderedShard(
        shard_id=shard.shard_id,
        video_id=shard.video_id,
        index=shard.index,
        num_frames=num_frames,
        tracks=tuple(part.counts() for part in scene.parts),
        bridged_faces=scene.bridged,
        seconds=watch.seconds(),
    )
