"""AUDIT: hold the frames that will be published against their source, as a stranger would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fsp_ray.audit import Leak, likeness
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import F32, U8
from fsp_ray.core.protocols import MediaSource, Models
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.faces import SWAP, iou
from fsp_ray.faces.cuts import CutFinder
from fsp_ray.faces.geometry import moved_sizes
from fsp_ray.stages.audit_findings import (
    ShardFindings,
    SourceFaces,
    load_faces_found,
    save_findings,
)
from fsp_ray.stages.audit_frames import SearchedFrames
from fsp_ray.stages.audit_looks import Looker
from fsp_ray.stages.audit_search import find_faces
from fsp_ray.stages.results import AuditedShard
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan, load_shard_plan
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.video import decode, play_segment, prefetch

_BATCH_BYTES: Final = 16 << 20  # two decoders run at once
# A leak between two frames that hold was one all the same; a cover of one frame would only flicker.
_HOLD_FRAMES: Final = 2
# Where every frame is searched, the search may have missed a face in so many of them in a row.
_MISSED_FRAMES: Final = 4
# A face that is found again within so many frames, not farther away than so many of its sizes, was
# on its way there.
_WAY_FRAMES: Final = 15
_MOVE_A_FRAME: Final = 0.25
_MAX_MOVE: Final = 1.5
_FAR: Final = np.inf
_SAME_FACE_IOU: Final = 0.3


def audit_shard(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    staging: Staging,
    *,
    models: Models,
    settings: RunSettings,
    rounds: int,
) -> AuditedShard:
    """Audit one rendered shard; the findings are staged.

    Every frame is compared where a track is; every few frames, on both sides of a cut, just outside
    of every track, and around what an earlier round patched, the detectors search the source for
    faces that no track has; some synthetic faces of each track are shown to the auditor.

    Args:
        rounds: rounds of the audit that this video has been through.

    Raises:
        VideoError: the shard or its segment can't be decoded, or differ in their frames.
    """
    watch = Stopwatch()
    plan = load_shard_plan(shard, staging, rounds=rounds)
    known = load_faces_found(staging, shard.shard_id) if rounds else None
    frames = SearchedFrames(
        plan,
        detect_every=settings.detect_every,
        frame_pts=float(1 / (info.frame_rate * info.time_base)),
        earlier=None if known is None else known.checked,
        closer=rounds == 1,  # once: a search that never ends would quarantine the video
    )
    inspector = _Inspector(models, plan, frames, known)
    source = decode(media, info, shard, batch_bytes=_BATCH_BYTES)
    segment = staging.reading(segment_name(shard.shard_id))
    published = play_segment(segment, info, shard, batch_bytes=_BATCH_BYTES)
    pairs = _pairs(prefetch(source, depth=1), prefetch(published, depth=1))
    for pts, before, after in watch.waiting("audit_decode", pairs):
        with watch.part("audit"):
            inspector.push(pts, before, after)
    with watch.part("audit"):
        findings = inspector.finish()
        save_findings(staging, shard.shard_id, findings)
    return AuditedShard(
        shard_id=shard.shard_id,
        video_id=shard.video_id,
        searched_frames=len(findings.faces.checked),
        seconds=watch.seconds(),
    )


def _pairs(
    source: Iterable[FrameBatch], published: Iterable[FrameBatch]
) -> Iterator[tuple[int, U8, U8]]:
    for (pts, before), (shown_at, after) in zip(_frames(source), _frames(published), strict=True):
        if pts != shown_at:
            raise VideoError(
                FailureReason.VERIFY,
                "A rendered frame is shown at another time than its source.",
                advice="Run again: only this video is done again.",
            )
        yield pts, before, after


def _frames(batches: Iterable[FrameBatch]) -> Iterator[tuple[int, U8]]:
    for batch in batches:
        yield from zip(batch.pts.tolist(), batch.rgb, strict=True)


@dataclass(slots=True, eq=False)
class _Inspector:
    """Looks at a shard's frames in order, before and after."""

    models: Models
    plan: ShardPlan
    frames: SearchedFrames
    known: SourceFaces | None
    """What an earlier round found in the source: not searched for again."""
    persons: tuple[str, ...] = field(init=False)
    looker: Looker = field(init=False)
    entries: dict[int, list[tuple[PlannedTrack, int]]] = field(init=False)
    starts: set[int] = field(init=False)
    ends: set[int] = field(init=False)
    """First and last pts of all tracks: just outside of them, a face may still show."""
    cuts: CutFinder = field(init=False, default_factory=CutFinder)
    previous: tuple[int, U8, U8] | None = field(init=False, default=None)
    all_pts: list[int] = field(init=False, default_factory=list[int])
    shots: list[int] = field(init=False, default_factory=list[int])
    """pts of the first frame of each shot."""
    found: dict[int, F32] = field(init=False, default_factory=dict[int, F32])
    shown: list[tuple[int, F32, str | None]] = field(init=False)
    """Faces that show, found by the detectors: (pts, box, person)."""
    followed: list[tuple[int, F32, str]] = field(init=False)
    """Faces that show where a track is: (pts, box, person)."""

    def __post_init__(self) -> None:
        tracks = self.plan.tracks
        self.persons = tuple(sorted({planned.person_id for planned in tracks}))
        self.looker = Looker(self.models, tracks, self.persons)
        self.entries = {}
        self.starts = {int(planned.track.pts[0]) for planned in tracks}
        self.ends = {int(planned.track.pts[-1]) for planned in tracks}
        for planned in tracks:
            for entry, at in enumerate(planned.track.pts.tolist()):
                self.entries.setdefault(at, []).append((planned, entry))
        self.shown, self.followed = [], []

    def push(self, pts: int, before: U8, after: U8) -> None:
        """Take the next frame."""
        number = len(self.all_pts)
        self.all_pts.append(pts)
        cut = self.cuts.push(before) or number == 0
        if cut:
            self.shots.append(pts)
        self._compare_tracks(pts, before, after)
        self.looker.look(pts, before, after)
        last = self.previous
        if last is not None and (cut or pts in self.starts):
            self._search(number - 1, *last)
        after_end = last is not None and last[0] in self.ends
        if cut or after_end or (number, pts) in self.frames:
            self._search(number, pts, before, after)
        self.previous = pts, before, after

    def finish(self) -> ShardFindings:
        """Return what was found."""
        if self.previous is not None:
            self._search(len(self.all_pts) - 1, *self.previous)
        checked = np.array(sorted(self.found), np.int64)
        boxes = [self.found[pts] for pts in checked.tolist()]
        faces = SourceFaces(
            checked=checked,
            pts=np.repeat(checked, [len(b) for b in boxes]),
            xyxy=np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        )
        leaked = {(person, pts) for pts, _, person in self.followed}
        swapped = [(p.person_id, int((p.modes == SWAP).sum())) for p in self.plan.tracks]
        frames = [(p.person_id, len(p.track)) for p in self.plan.tracks]
        return ShardFindings(
            persons=self.persons,
            frames=_sums(self.persons, frames),
            swapped=_sums(self.persons, swapped),
            leaked=_sums(self.persons, [(person, 1) for person, _ in leaked]),
            leaks=(
                *self._leaks_found(checked.tolist()),
                *self._leaks_between(),
                *self._leaks_followed(),
            ),
            looks=self.looker.looks(),
            faces=faces,
        )

    def _compare_tracks(self, pts: int, before: U8, after: U8) -> None:
        here = self.entries.get(pts, ())
        boxes = np.array([p.track.xyxy[entry] for p, entry in here], np.float32).reshape(-1, 4)
        shows = likeness(before, after, boxes).shows_original
        for (planned, _), box, leak in zip(here, boxes, shows, strict=True):
            if leak:
                self.followed.append((pts, box, planned.person_id))

    def _search(self, number: int, pts: int, before: U8, after: U8) -> None:
        if pts in self.found:
            return
        boxes = self.found[pts] = self._faces(number, pts, before)
        shows = likeness(before, after, boxes).shows_original
        self.shown.extend((pts, box, self._owner(pts, box)) for box in boxes[shows])

    def _faces(self, number: int, pts: int, before: U8) -> F32:
        if self.known is not None and pts in self.known.checked:
            return self.known.xyxy[self.known.pts == pts]
        return find_faces(self.models, before, closely=self.frames.closely(number))

    def _owner(self, pts: int, box: F32) -> str | None:
        here = self.entries.get(pts, ())
        if not here:
            return None
        boxes = np.stack([planned.track.xyxy[entry] for planned, entry in here])
        overlap = iou(box[None], boxes)[0]
        best = int(overlap.argmax())
        return here[best][0].person_id if overlap[best] >= _SAME_FACE_IOU else None

    def _leaks_found(self, checked: Sequence[int]) -> Iterator[Leak]:
        """Cover from the frame searched before to the one after, but not beyond the shot."""
        for pts, box, person in self.shown:
            place = checked.index(pts)
            start, stop = self._shot(pts)
            before = checked[place - 1] + 1 if place else start
            after = checked[place + 1] - 1 if place + 1 < len(checked) else stop
            first, last = self._around(pts, _MISSED_FRAMES)
            yield Leak(
                pts, max(min(before, first), start), min(max(after, last), stop), _four(box), person
            )

    def _leaks_between(self) -> Iterator[Leak]:
        """Cover a face all the way to where it is found next, and from where it was before."""
        for pts, box, person in self.shown:
            place = self.all_pts.index(pts)
            for step in (-1, 1):
                other, there = self._next_place(place, box, step)
                first, last = min(place, other) + 1, max(place, other) - 1
                if first <= last:
                    way = np.concatenate([np.minimum(box, there)[:2], np.maximum(box, there)[2:]])
                    start, stop = self.all_pts[first], self.all_pts[last]
                    yield Leak(start, start, stop, _four(way), person)

    def _next_place(self, place: int, box: F32, step: int) -> tuple[int, F32]:
        """Return the number of the next frame with a face that may be the same; its box there."""
        start, stop = self._shot(self.all_pts[place])
        for frames in range(1, _WAY_FRAMES + 1):
            number = place + step * frames
            if not 0 <= number < len(self.all_pts) or not start <= self.all_pts[number] <= stop:
                break
            boxes = self.found.get(self.all_pts[number], np.zeros((0, 4), np.float32))
            moves = [moved_sizes(box, other) for other in boxes]
            if min(moves, default=_FAR) <= min(_MOVE_A_FRAME * (frames + 1), _MAX_MOVE):
                return number, boxes[int(np.argmin(moves))]
        return place, box

    def _leaks_followed(self) -> Iterator[Leak]:
        for pts, box, person in self.followed:
            yield Leak(pts, *self._around(pts, _HOLD_FRAMES), _four(box), person)

    def _around(self, pts: int, frames: int) -> tuple[int, int]:
        """Return the pts of so many frames before and after one, but not beyond its shot."""
        place = self.all_pts.index(pts)
        start, stop = self._shot(pts)
        last = min(place + frames, len(self.all_pts) - 1)
        return max(self.all_pts[max(place - frames, 0)], start), min(self.all_pts[last], stop)

    def _shot(self, pts: int) -> tuple[int, int]:
        """Return the first and the last pts of the shot that a frame is in."""
        starts = [start for start in self.shots if start <= pts]
        later = [start for start in self.shots if start > pts]
        return starts[-1], later[0] - 1 if later else self.all_pts[-1]


def _sums(persons: Sequence[str], counts: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    total = dict.fromkeys(persons, 0)
    for person, count in counts:
        total[person] += count
    return tuple(total.values())


def _four(box: F32) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2
