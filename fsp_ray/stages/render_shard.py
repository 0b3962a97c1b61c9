"""RENDER: put every face on, or cover it, and encode the shard's segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from fsp_ray.audit import Patch
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, INTERPOLATED, U8, Track
from fsp_ray.core.protocols import FaceSwapper, MediaSource, SwapSession
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.faces import SWAP
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.results import RenderedShard, TrackCounts
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan, load_shard_plan
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.swap.cover import cover
from fsp_ray.video import SegmentWriter, decode, prefetch


@dataclass(slots=True)
class _Part:
    """One track on its way through the shard."""

    track: Track
    person_id: str
    modes: U8
    session: SwapSession | None
    swapped: int = 0
    covered: int = 0

    def draw(self, rgb: U8, entry: int) -> None:
        """Swap or cover the track's face in one frame. What can't be swapped is covered."""
        points = self.track.points[entry]
        if self.session is not None and self.modes[entry] == SWAP:
            try:
                self.session.apply(rgb, points)
            except ValueError:
                pass  # nothing was drawn: a mesh that can't be drawn is covered below
            else:
                self.swapped += 1
                return
        cover(rgb, self.track.xyxy[entry], points if self.track.presence[entry] > 0 else None)
        self.covered += 1

    def counts(self) -> TrackCounts:
        track = self.track
        detected = track.det_score[track.det_score > 0]
        size = (track.xyxy[:, 2:] - track.xyxy[:, :2]).max(axis=1)
        return TrackCounts(
            track_id=track.track_id,
            person_id=self.person_id,
            start_pts=int(track.pts[0]),
            last_pts=int(track.pts[-1]),
            num_frames=len(track),
            swapped_frames=self.swapped,
            covered_frames=self.covered,
            interpolated_frames=int((track.origin == INTERPOLATED).sum()),
            mean_det_score=float(detected.mean()) if len(detected) else 0.0,
            median_face_px=float(np.median(size)),
        )


@dataclass(slots=True)
class _Scene:
    """All that is to be drawn in a shard, by pts."""

    parts: Sequence[_Part]
    bridges: Sequence[Bridge]
    patches: Sequence[Patch] = ()
    entries: defaultdict[int, list[tuple[_Part, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    bridged: int = 0

    def __post_init__(self) -> None:
        for part in self.parts:
            for entry, pts in enumerate(part.track.pts):
                self.entries[int(pts)].append((part, entry))
        for drawn in self.entries.values():  # small ones first: the near head hides the far one
            drawn.sort(key=lambda item: float(_side_px(item[0].track.xyxy[item[1]])))

    def draw(self, rgb: U8, pts: int) -> None:
        """Draw one frame, in place."""
        for bridge in self.bridges:
            box = bridge.box(pts)
            if box is not None:
                cover(rgb, box, None)
                self.bridged += 1
        for part, entry in self.entries.get(pts, ()):
            part.draw(rgb, entry)
        for patch in self.patches:  # over everything: what is below was seen to leak
            if patch.covers(pts):
                cover(rgb, patch.box, None, style="solid" if patch.solid else "mosaic")


def render_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    settings: RunSettings,
    swapper: FaceSwapper,
    rounds: int = 0,
) -> RenderedShard:
    """Render one shard; the segment is staged.

    Args:
        rounds: rounds of the audit that this video has been through.

    Raises:
        VideoError: the shard can't be decoded or encoded, or a staged file is missing.
    """
    watch = Stopwatch()
    with watch.part("prepare"):
        scene = _scene(load_shard_plan(shard, staging, rounds=rounds), swapper)
    num_frames = 0
    with staging.writing(segment_name(shard.shard_id)) as path, ExitStack() as encoding:
        writer = SegmentWriter(path, info, crf=settings.crf, preset=settings.preset)
        encoding.enter_context(writer)
        for batch in watch.waiting("decode", prefetch(decode(media, info, shard))):
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


def _scene(plan: ShardPlan, swapper: FaceSwapper) -> _Scene:
    parts = [_part(planned, swapper) for planned in plan.tracks]
    return _Scene(parts, plan.bridges, plan.patches)


def _part(planned: PlannedTrack, swapper: FaceSwapper) -> _Part:
    session = swapper.session(*planned.pair) if planned.pair else None
    return _Part(planned.track, planned.person_id, planned.modes, session)


def _side_px(xyxy: F32) -> np.float32:
    return (xyxy[2:] - xyxy[:2]).max()
