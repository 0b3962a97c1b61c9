"""All that is drawn in a shard: faces, covers, bridges and patches, frame by frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fsp_ray.audit import Patch
from fsp_ray.core.face_types import F32, INTERPOLATED, U8, Track
from fsp_ray.core.protocols import FaceSwapper, SwapSession
from fsp_ray.faces import SWAP
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.heads import Head, cover_behind
from fsp_ray.stages.results import TrackCounts
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan

# A patch over at least so much of a synthetic face was put there because of that face.
_SAME_FACE_SHARE: Final = 0.5


@dataclass(slots=True)
class Part:
    """One track on its way through the shard."""

    track: Track
    person_id: str
    modes: U8
    session: SwapSession | None
    swapped: int = 0
    covered: int = 0

    def is_swapped(self, entry: int) -> bool:
        """Tell whether the face is to be put on in a frame."""
        return self.session is not None and self.modes[entry] == SWAP

    def head(self, entry: int) -> Head | None:
        """Return the head on which the face is put on; None if there is none."""
        if not self.is_swapped(entry):
            return None
        return Head.about(self.track.points[entry], self.track.xyxy[entry])

    def draw(self, rgb: U8, entry: int, heads: Sequence[Head] = ()) -> None:
        """Swap or cover the track's face in one frame. What can't be swapped is covered.

        Args:
            rgb: u8[H, W, 3].
            entry: of the track.
            heads: of others, that a cover leaves alone where they are in front.
        """
        points = self.track.points[entry]
        if self.session is not None and self.is_swapped(entry):
            try:
                self.session.apply(rgb, points)
            except ValueError:
                heads = ()  # nothing was drawn: a mesh that can't be drawn is covered, and whole
            else:
                self.swapped += 1
                return
        mesh = points if self.track.presence[entry] > 0 else None
        cover_behind(rgb, self.track.xyxy[entry], mesh, heads)
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
        """Draw one frame, in place: the near over the far, and over all what leaked there."""
        here = self.entries.get(pts, ())
        heads = [head for part, entry in here if (head := part.head(entry)) is not None]
        for bridge in self.bridges:
            box = bridge.box(pts)
            if box is not None:
                cover_behind(rgb, box, None, heads)
                self.bridged += 1
        patches = [patch for patch in self.patches if patch.covers(pts)]
        faces = np.array([p.track.xyxy[e] for p, e in here if p.is_swapped(e)], np.float32)
        over = [patch for patch in patches if patch.solid or _hides(patch, faces)]
        for patch in patches:
            if patch not in over:
                cover_behind(rgb, patch.box, None, heads)
        for part, entry in here:
            part.draw(rgb, entry, heads)
        for patch in over:
            style = "solid" if patch.solid else "mosaic"
            cover_behind(rgb, patch.box, None, (), style=style)


def _part(planned: PlannedTrack, swapper: FaceSwapper) -> Part:
    session = swapper.session(*planned.pair) if planned.pair else None
    return Part(planned.track, planned.person_id, planned.modes, session)


def _hides(patch: Patch, faces: F32) -> bool:
    """Tell whether a patch is for one of some faces f32[M, 4], and not for one behind them."""
    shared = _share_inside(faces.reshape(-1, 4), patch.box)
    return bool((shared >= _SAME_FACE_SHARE).any())


def _share_inside(boxes: F32, box: F32) -> F32:
    """Return how much of each of some boxes f32[M, 4] lies in another one."""
    inner = np.concatenate(
        [np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])], 1
    )
    sides = [np.maximum(b[:, 2:] - b[:, :2], 0) for b in (inner, boxes)]
    area, whole = (side[:, 0] * side[:, 1] for side in sides)
    return np.asarray(area / np.maximum(whole, 1e-6), np.float32)


def _side_px(xyxy: F32) -> np.float32:
    return (xyxy[2:] - xyxy[:2]).max()
