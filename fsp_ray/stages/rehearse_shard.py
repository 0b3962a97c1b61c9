"""REHEARSE: before a shard is rendered, draw a few of its frames, and see what the audit would.

What it finds is judged like an audit: gaps are patched and faces changed while that costs a few
frames and not all of them. Nothing is published on its word: the audit looks at everything again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import U8
from fsp_ray.core.protocols import FaceSwapper, MediaSource, Models
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.stages.audit_findings import load_faces_found, rehearsal_name, save_findings
from fsp_ray.stages.inspector import Inspector, searched_frames
from fsp_ray.stages.results import RehearsedShard
from fsp_ray.stages.scene import Scene
from fsp_ray.stages.shard_plan import load_shard_plan
from fsp_ray.stages.staging import Staging
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import decode, prefetch


@dataclass(slots=True, eq=False)
class RehearsedFrame:
    """A frame of the source that is drawn on, in a copy, when somebody looks; a `FramePair`."""

    pts: int
    before: U8
    scene: Scene
    drawn: U8 | None = field(init=False, default=None)

    @property
    def after(self) -> U8:
        """The frame as it will be rendered, but for what a face keeps of the frames before."""
        if self.drawn is None:
            self.drawn = self.before.copy()
            self.scene.draw(self.drawn, self.pts)
        return self.drawn

    @property
    def is_there(self) -> bool:
        """Whether it has been drawn."""
        return self.drawn is not None


def rehearse_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    models: Models,
    settings: RunSettings,
    swapper: FaceSwapper,
    rounds: int,
) -> RehearsedShard:
    """Rehearse one shard; the findings are staged.

    The same frames as in the audit are searched for faces that no track has, and the same faces
    are shown to the auditor; only these frames are drawn.

    Args:
        rounds: how often this video has been judged, after rehearsals alone.

    Raises:
        VideoError: the shard can't be decoded, or a staged file is missing.
    """
    watch = Stopwatch()
    with watch.part("rehearse"):
        plan = load_shard_plan(shard, staging, rounds=rounds)
        scene = Scene.of(plan, swapper)
        name = rehearsal_name(shard.shard_id)
        known = load_faces_found(staging, name) if rounds else None
        frames = searched_frames(plan, info, settings, known, closer=rounds == 1)
        inspector = Inspector(models, plan, frames, known, only_strangers=True)
    for batch in watch.waiting("decode", prefetch(decode(media, info, shard), depth=1)):
        with watch.part("rehearse"):
            for pts, rgb in zip(batch.pts.tolist(), batch.rgb, strict=True):
                inspector.push(RehearsedFrame(pts, rgb, scene))
    with watch.part("rehearse"):
        save_findings(staging, name, inspector.finish())
    return RehearsedShard(shard.shard_id, shard.video_id, watch.seconds())
