"""Looks at a shard's frames, before and after: what shows, and whom it is like.

The frames after are those that will be published, or, in a rehearsal, what is going to be drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from fsp_ray.audit import likeness
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8
from fsp_ray.core.protocols import Models
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.faces import SWAP, iou
from fsp_ray.faces.cuts import CutFinder
from fsp_ray.stages.audit_findings import ShardFindings, SourceFaces
from fsp_ray.stages.audit_frames import SearchedFrames
from fsp_ray.stages.audit_looks import Looker
from fsp_ray.stages.audit_search import find_faces
from fsp_ray.stages.leak_spans import Sight, Timeline, leaks_followed, leaks_found
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan

_SAME_FACE_IOU: Final = 0.3


class FramePair(Protocol):
    """One frame of the source, and what became of it; both u8[H, W, 3]."""

    @property
    def pts(self) -> int:
        """Of both."""
        ...

    @property
    def before(self) -> U8:
        """In the source."""
        ...

    @property
    def after(self) -> U8:
        """As it is published, or drawn; asking for it may be what it costs to draw it."""
        ...

    @property
    def is_there(self) -> bool:
        """Whether `after` costs nothing."""
        ...


@dataclass(slots=True, eq=False)
class Inspector:
    """Looks at a shard's frames in order.

    Attributes:
        plan: what is to be drawn.
        models: who looks.
        looker: shows synthetic faces to the auditor.
        frames: which frames are searched for faces that no track has.
        known: what was found in the source before: not searched for again.
        searching: whether frames are searched at all; if not, what is known stays as it is.
        only_strangers: of what a search finds, check only faces that no track has. The others are
            compared in frames that are there.
    """

    plan: ShardPlan
    models: Models
    looker: Looker
    frames: SearchedFrames
    known: SourceFaces | None = None
    searching: bool = True
    only_strangers: bool = False
    entries: dict[int, list[tuple[PlannedTrack, int]]] = field(init=False)
    starts: set[int] = field(init=False)
    ends: set[int] = field(init=False)
    """First and last pts of all tracks: just outside of them, a face may still show."""
    cuts: CutFinder = field(init=False, default_factory=CutFinder)
    previous: FramePair | None = field(init=False, default=None)
    timeline: Timeline = field(init=False, default_factory=Timeline)
    found: dict[int, F32] = field(init=False, default_factory=dict[int, F32])
    shown: list[Sight] = field(init=False, default_factory=list[Sight])
    """Faces that show, found by the detectors."""
    followed: list[Sight] = field(init=False, default_factory=list[Sight])
    """Faces that show where a track is."""

    def __post_init__(self) -> None:
        tracks = self.plan.tracks
        self.entries = {}
        self.starts = {int(planned.track.pts[0]) for planned in tracks}
        self.ends = {int(planned.track.pts[-1]) for planned in tracks}
        for planned in tracks:
            for entry, at in enumerate(planned.track.pts.tolist()):
                self.entries.setdefault(at, []).append((planned, entry))

    def push(self, frame: FramePair) -> None:
        """Take the next frame."""
        number, last = len(self.timeline.pts), self.previous
        cut = self.cuts.push(frame.before) or last is None
        self.timeline.push(frame.pts, cut=cut)
        if last is not None and (cut or frame.pts in self.starts):
            self._search(number - 1, last)
        after_end = last is not None and last.pts in self.ends
        if cut or after_end or (number, frame.pts) in self.frames:
            self._search(number, frame)
        if self.looker.is_due(frame.pts):
            self.looker.look(frame.pts, frame.before, frame.after)
        if frame.is_there:
            self._compare_tracks(frame)
        self.previous = frame

    def finish(self) -> ShardFindings:
        """Return what was found."""
        if self.previous is not None:
            self._search(len(self.timeline.pts) - 1, self.previous)
        leaked = {(sight.person_id, sight.pts) for sight in self.followed}
        swapped = [(p.person_id, int((p.modes == SWAP).sum())) for p in self.plan.tracks]
        frames = [(p.person_id, len(p.track)) for p in self.plan.tracks]
        return ShardFindings(
            persons=self.plan.persons,
            frames=_sums(self.plan.persons, frames),
            swapped=_sums(self.plan.persons, swapped),
            leaked=_sums(self.plan.persons, [(person, 1) for person, _ in leaked if person]),
            leaks=(
                *leaks_found(self.shown, self.found, self.timeline),
                *leaks_followed(self.followed, self.timeline),
            ),
            looks=self.looker.looks(),
            faces=self._faces_found(),
        )

    def _compare_tracks(self, frame: FramePair) -> None:
        here = self.entries.get(frame.pts, ())
        if not here:
            return
        boxes = np.stack([planned.track.xyxy[entry] for planned, entry in here])
        shows = likeness(frame.before, frame.after, boxes).shows_original
        for (planned, _), box, leak in zip(here, boxes, shows, strict=True):
            if leak:
                self.followed.append(Sight(frame.pts, box, planned.person_id))

    def _search(self, number: int, frame: FramePair) -> None:
        if not self.searching or frame.pts in self.found:
            return
        boxes = self.found[frame.pts] = self._faces(number, frame)
        owners = [self._owner(frame.pts, box) for box in boxes]
        if not owners or (self.only_strangers and None not in owners):
            return
        shows = likeness(frame.before, frame.after, boxes).shows_original
        for box, owner, leak in zip(boxes, owners, shows, strict=True):
            if leak:
                self.shown.append(Sight(frame.pts, box, owner))

    def _faces_found(self) -> SourceFaces:
        if not self.searching and self.known is not None:
            return self.known
        return SourceFaces.of(self.found)

    def _faces(self, number: int, frame: FramePair) -> F32:
        if self.known is not None and frame.pts in self.known.checked:
            return self.known.xyxy[self.known.pts == frame.pts]
        return find_faces(self.models, frame.before, closely=self.frames.closely(number))

    def _owner(self, pts: int, box: F32) -> str | None:
        here = self.entries.get(pts, ())
        if not here:
            return None
        boxes = np.stack([planned.track.xyxy[entry] for planned, entry in here])
        overlap = iou(box[None], boxes)[0]
        best = int(overlap.argmax())
        return here[best][0].person_id if overlap[best] >= _SAME_FACE_IOU else None


def searched_frames(
    plan: ShardPlan,
    info: VideoInfo,
    settings: RunSettings,
    known: SourceFaces | None,
    *,
    closer: bool,
) -> SearchedFrames:
    """Return which frames of a shard are searched: the same in a rehearsal and in the audit."""
    return SearchedFrames(
        plan,
        detect_every=settings.detect_every,
        frame_pts=float(1 / (info.frame_rate * info.time_base)),
        earlier=None if known is None else known.checked,
        closer=closer,
    )


def _sums(persons: Sequence[str], counts: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    total = dict.fromkeys(persons, 0)
    for person, count in counts:
        total[person] += count
    return tuple(total.values())
