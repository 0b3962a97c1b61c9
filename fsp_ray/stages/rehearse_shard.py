"""REHEARSE: before a shard is rendered, draw a few of its frames, and see what the audit would.

What it finds is judged like an audit: gaps are patched and faces changed while that costs a few
frames and not all of them. Nothing is published on its word: the audit looks at everything again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import U8
from fsp_ray.core.protocols import FaceSwapper, MediaSource, Models
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.stages.audit_findings import (
    Looks,
    ShardFindings,
    load_findings,
    rehearsal_name,
    save_findings,
)
from fsp_ray.stages.audit_looks import Looker
from fsp_ray.stages.inspector import Inspector, searched_frames
from fsp_ray.stages.results import RehearsedShard
from fsp_ray.stages.scene import Scene
from fsp_ray.stages.shard_frames import ShardFrames, decode_here
from fsp_ray.stages.shard_plan import ShardPlan, load_shard_plan
from fsp_ray.stages.staging import Staging
from fsp_ray.stages.timing import Stopwatch

_BATCH_BYTES: Final = 16 << 20  # frames are looked at, and seldom drawn on


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


def rehearse_shard(  # noqa: PLR0913 - by name, but for the first four
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    models: Models,
    settings: RunSettings,
    swapper: FaceSwapper,
    rounds: int,
    frames: ShardFrames = decode_here,
) -> RehearsedShard:
    """Rehearse one shard; the findings are staged.

    The same frames as in the audit are searched for faces that no track has, and the same faces
    are shown to the auditor; only these frames are drawn.

    Args:
        rounds: how often this video has been judged, after rehearsals alone.
        frames: who decodes.

    Raises:
        VideoError: the shard can't be decoded, or a staged file is missing.
    """
    watch = Stopwatch()
    name = rehearsal_name(shard.shard_id)
    with watch.part("rehearse"):
        plan = load_shard_plan(shard, staging, rounds=rounds)
        scene = Scene.of(plan, swapper)
        earlier = load_findings(staging.reading(name)) if rounds else None
        inspector = _inspector(plan, models, info, settings, earlier)
    batches = frames(media, info, shard, batch_bytes=_BATCH_BYTES, ahead=1)
    for batch in watch.waiting("decode", batches):
        with watch.part("rehearse"):
            for pts, rgb in zip(batch.pts.tolist(), batch.rgb, strict=True):
                inspector.push(RehearsedFrame(pts, rgb, scene))
    with watch.part("rehearse"):
        save_findings(staging, name, _joined(earlier, inspector.finish(), plan))
    return RehearsedShard(shard.shard_id, shard.video_id, watch.seconds())


def _inspector(
    plan: ShardPlan,
    models: Models,
    info: VideoInfo,
    settings: RunSettings,
    earlier: ShardFindings | None,
) -> Inspector:
    """Look at everybody the first time, and then at those with another face."""
    known = earlier.faces if earlier else None
    whom = plan.changed if earlier else frozenset(plan.persons)
    looker = Looker(models, plan.tracks, plan.persons, whom=whom, rehearsing=True)
    # Closer once, where patches are new. Then nothing but faces changes any more.
    closer, searching = plan.rehearsals == 1, plan.rehearsals <= 1
    frames = searched_frames(plan, info, settings, known, closer=closer)
    return Inspector(plan, models, looker, frames, known, searching=searching, only_strangers=True)


def _joined(earlier: ShardFindings | None, now: ShardFindings, plan: ShardPlan) -> ShardFindings:
    """Keep the looks at those who were not looked at again."""
    if earlier is None:
        return now
    kept = np.array([plan.persons[i] not in plan.changed for i in earlier.looks.person], np.bool_)
    return replace(now, looks=Looks.joined([earlier.looks.chosen(kept), now.looks]))
