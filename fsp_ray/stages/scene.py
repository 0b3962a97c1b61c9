"""All that is drawn in a shard: faces, covers, bridges and patches, frame by frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fsp_ray.audit import Patch
from fsp_ray.core.face_types import F32, INTERPOLATED, U8, Track
from fsp_ray.core.protocols import FaceSwapper, SwapSession
from fsp_ray.faces import SWAP
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.results import TrackCounts
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan
from fsp_ray.swap.cover import cover


@dataclass(slots=True)
class Part:
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
        """Return what was done, once every frame of the shard is drawn."""
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
class Scene:
    """Draws a shard's frames, in order; any may be left out.

    Attributes:
        parts, bridges, patches: what is drawn.
        bridged: how many boxes of bridges were drawn so far.
    """

    parts: Sequence[Part]
    bridges: Sequence[Bridge]
    patches: Sequence[Patch] = ()
    entries: defaultdict[int, list[tuple[Part, int]]] = field(
        init=False, default_factory=lambda: defaultdict(list)
    )
    bridged: int = field(init=False, default=0)

    @classmethod
    def of(cls, plan: ShardPlan, swapper: FaceSwapper) -> Scene:
        """Get ready to draw a plan."""
        return cls([_part(planned, swapper) for planned in plan.tracks], plan.bridges, plan.patches)

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


def _part(planned: PlannedTrack, swapper: FaceSwapper) -> Part:
    session = swapper.session(*planned.pair) if planned.pair else None
    return Part(planned.track, planned.person_id, planned.modes, session)


def _side_px(xyxy: F32) -> np.float32:
    return (xyxy[2:] - xyxy[:2]).max()
